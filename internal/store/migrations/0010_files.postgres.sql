ALTER TABLE file_chunks ALTER COLUMN sealed SET STORAGE EXTERNAL; -- sealed bytes do not compress
