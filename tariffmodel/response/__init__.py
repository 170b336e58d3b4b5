"""What is left of a bill once prices, volumes, rivals and plants have moved?"""
