"""What both halves stand on: errors, files, settings, formats, media, pages."""
