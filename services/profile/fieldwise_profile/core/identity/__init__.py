"""Who is who: normalised records, their comparison, links and components; knows no wire, SQL or clock."""
