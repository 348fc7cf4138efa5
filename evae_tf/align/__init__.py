"""Inference on photos and videos: face detection, alignment, face scores, tracking, output."""
