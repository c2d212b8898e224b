"""The charts of the pages: drawn in pages, and as files of their own."""
