"""Plain tables of a user: columns, encoding, contest of learners, model files; knows no file format and no wire."""
