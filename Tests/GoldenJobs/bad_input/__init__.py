"""Every bad input there is, with what it gets: cases by topic, and what runs and judges them."""
