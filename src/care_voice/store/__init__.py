"""What is kept: rows in SQLite or PostgreSQL, audio in a directory or in S3. No other room imports their drivers."""
