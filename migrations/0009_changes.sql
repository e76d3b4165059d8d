-- What moved between two instants: the events of a span, found without reading the whole ledger.

-- The ledger grows at its end and in the order of time, so that a few bytes for each stretch of it say what it holds;
-- a tree would cost every change more than it saves those who ask.
create index event_recorded on event using brin (recorded_at) with (pages_per_range = 16, autosummarize = on);
