"""Looking at what a pipeline put out, from outside: dead letters and their way back."""
