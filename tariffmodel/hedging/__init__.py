"""What hedges a position, in which size, and did it work out of sample?"""
