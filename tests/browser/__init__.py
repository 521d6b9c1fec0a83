"""The page in a real browser, headless Chromium."""
