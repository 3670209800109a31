"""The tables that are declared, a module for each noun, which is imported when one of them is first touched."""
