"""Object lists of a window into tracked objects: the model of pipelines that track objects."""
