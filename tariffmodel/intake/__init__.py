"""What comes in from outside: prices, figures and statements, checked before they are kept."""
