-- Lists of what is pending, dead or cancelled: few, beside what was delivered, and each in order.
DROP INDEX deliveries_dead;
CREATE INDEX deliveries_unsettled ON deliveries (project_id, state, id) WHERE state <> 'delivered';
