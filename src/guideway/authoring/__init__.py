"""What guideline authors use: validate, test, build, document."""
