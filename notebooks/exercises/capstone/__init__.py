"""The capstone, exercise 9.3: the file that the reader finds, and one way to write it. Both are whole modules."""
