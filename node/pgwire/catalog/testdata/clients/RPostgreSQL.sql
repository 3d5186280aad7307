select tablename from pg_tables where schemaname !='information_schema' and schemaname !='pg_catalog'
;
select attnotnull from pg_attribute where attrelid=12033 and attnum='2'
;
SELECT current_schema()
;
select tablename from pg_tables where schemaname !='information_schema' and schemaname !='pg_catalog' and schemaname='public' and tablename='patients'
;
select a.attname from pg_attribute a, pg_class c, pg_tables t, pg_namespace nsp where a.attrelid = c.oid and c.relname = tablename and c.relnamespace = nsp.oid and a.attnum > 0 and nspname = current_schema() and schemaname = nspname and tablename = 'patients'
;
select attnotnull from pg_attribute where attrelid=1249 and attnum='2'
;
select attnotnull from pg_attribute where attrelid={class public.patients} and attnum='1'
;
select attnotnull from pg_attribute where attrelid={class public.patients} and attnum='2'
;
select attnotnull from pg_attribute where attrelid={class public.patients} and attnum='3'
;
select attnotnull from pg_attribute where attrelid={class public.patients} and attnum='4'
;
select attnotnull from pg_attribute where attrelid={class public.patients} and attnum='5'
;
select tablename from pg_tables where schemaname !='information_schema' and schemaname !='pg_catalog' and schemaname='public' and tablename='stays'
;
select attnotnull from pg_attribute where attrelid={class public.stays} and attnum='1'
;
select attnotnull from pg_attribute where attrelid={class public.stays} and attnum='2'
;
select attnotnull from pg_attribute where attrelid={class public.stays} and attnum='3'
;
