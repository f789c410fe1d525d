"""The studio: a page in the browser that animates photos, and shows trainings and prepared sets."""
