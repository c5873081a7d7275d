"""Rules in CEL, the Common Expression Language: read, checked against the fields that exist, and compiled; knows no tag and no customer."""
