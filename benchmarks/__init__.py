"""How much CPU the client takes, beside what a careful person writes by hand."""
