"""Pages in Chromium, as a person sees them."""
