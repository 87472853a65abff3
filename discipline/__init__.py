"""Judgement: cases, rewards, sanctions, assessment. Reads the floors below; they do not name it."""
