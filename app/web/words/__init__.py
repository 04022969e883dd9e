"""What people are told: states, entities, checks and every error with its remedy, in one place and ready for translation."""
