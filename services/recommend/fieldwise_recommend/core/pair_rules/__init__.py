"""What is bought together: rules of two things, found and checked; knows no customer's name and no store."""
