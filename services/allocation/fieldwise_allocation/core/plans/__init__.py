"""What becomes of territory plans once they are made; knows no solver."""
