"""A telephone or video call: two voices, their transcript and the customer's face."""
