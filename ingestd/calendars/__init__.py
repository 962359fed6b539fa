"""iCalendar (RFC 5545) in and out: what a calendar says of who is on call, and shifts for people's own calendars."""
