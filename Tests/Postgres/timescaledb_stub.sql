-- A stub of TimescaleDB, in place of the extension: a function of the same signature and result that
-- notes its call and raises TS103 as the extension does. It makes no chunks.
CREATE SCHEMA _timescaledb_catalog;
CREATE TABLE _timescaledb_catalog.hypertable
    (schema_name name, table_name name, time_column name, chunk_interval text);
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    SELECT 999999, 'timescaledb', 10, oid, false, '2.17.2' FROM pg_namespace WHERE nspname = 'public';
CREATE FUNCTION create_hypertable(
    relation regclass, time_column_name name, partitioning_column name DEFAULT NULL,
    number_partitions integer DEFAULT NULL, associated_schema_name name DEFAULT NULL,
    associated_table_prefix name DEFAULT NULL, chunk_time_interval anyelement DEFAULT NULL::bigint,
    create_default_indexes boolean DEFAULT TRUE, if_not_exists boolean DEFAULT FALSE,
    partitioning_func regproc DEFAULT NULL, migrate_data boolean DEFAULT FALSE)
    RETURNS TABLE (hypertable_id int, schema_name name, table_name name, created boolean)
    LANGUAGE plpgsql AS $$
DECLARE
    place record;
BEGIN
    SELECT n.nspname, c.relname INTO place
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
    IF EXISTS (SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indisunique AND NOT EXISTS (
            SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = time_column_name
            AND a.attnum = ANY (i.indkey::int2[]))) THEN
        RAISE EXCEPTION 'cannot create a unique index without the column "%" (used in partitioning)',
            time_column_name USING ERRCODE = 'TS103';
    END IF;
    INSERT INTO _timescaledb_catalog.hypertable
        VALUES (place.nspname, place.relname, time_column_name, chunk_time_interval::text);
    RETURN QUERY SELECT 1, place.nspname::name, place.relname::name, TRUE;
END $$;
