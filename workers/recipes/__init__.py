"""Published claims as commands: data, model, training and the figures that come out."""
