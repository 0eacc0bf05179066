"""The public arithmetic, pure: what an auditor reads to check the house."""
