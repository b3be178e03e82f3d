"""A drive on a three-lane road: what is ahead, and what is heard in the cabin."""
