"""Readiness: who brings about, and who decides, what has to hold before a system goes on."""
