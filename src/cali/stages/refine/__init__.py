"""refine: from the records of one event to the event: joined, redacted, its severity found, its template named."""
