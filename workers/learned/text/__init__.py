"""What is said, as numbers: n-grams of words and letters."""
