"""What is allowed, and what happens: one async function a verb."""
