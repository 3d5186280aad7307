package catalog

// relationFact is what PostgreSQL 15 knows of a relation of its catalogue.
type relationFact struct {
	oid          uint32
	schema, name string
	kind         byte   // relkind
	row, array   uint32 // the types of its rows and of arrays of them
	// columns are each a name and a type, whose "!" says that there is no NULL. Of domains it is the type beneath.
	columns string
}

// relationFacts are the relations that there are here.
var relationFacts = []relationFact{
	{2600, "pg_catalog", "pg_aggregate", 'r', 10027, 10026, "" +
		"aggfnoid regproc!, aggkind char!, aggnumdirectargs int2!, aggtransfn regproc!, aggfinalfn regproc!, " +
		"aggcombinefn regproc!, aggserialfn regproc!, aggdeserialfn regproc!, aggmtransfn regproc!, aggminvtransfn regproc!, " +
		"aggmfinalfn regproc!, aggfinalextra bool!, aggmfinalextra bool!, aggfinalmodify char!, aggmfinalmodify char!, " +
		"aggsortop oid!, aggtranstype oid!, aggtransspace int4!, aggmtranstype oid!, aggmtransspace int4!, agginitval text, " +
		"aggminitval text"},
	{2601, "pg_catalog", "pg_am", 'r', 10015, 10014, "oid oid!, amname name!, amhandler regproc!, amtype char!"},
	{2604, "pg_catalog", "pg_attrdef", 'r', 10001, 10000, "oid oid!, adrelid oid!, adnum int2!, adbin pg_node_tree!"},
	{1249, "pg_catalog", "pg_attribute", 'r', 75, 270, "" +
		"attrelid oid!, attname name!, atttypid oid!, attstattarget int4!, attlen int2!, attnum int2!, attndims int4!, " +
		"attcacheoff int4!, atttypmod int4!, attbyval bool!, attalign char!, attstorage char!, attcompression char!, " +
		"attnotnull bool!, atthasdef bool!, atthasmissing bool!, attidentity char!, attgenerated char!, attisdropped bool!, " +
		"attislocal bool!, attinhcount int4!, attcollation oid!, attacl _aclitem, attoptions _text, attfdwoptions _text, " +
		"attmissingval anyarray"},
	{1261, "pg_catalog", "pg_auth_members", 'r', 2843, 10058, "roleid oid!, member oid!, grantor oid!, admin_option bool!"},
	{1259, "pg_catalog", "pg_class", 'r', 83, 273, "" +
		"oid oid!, relname name!, relnamespace oid!, reltype oid!, reloftype oid!, relowner oid!, relam oid!, " +
		"relfilenode oid!, reltablespace oid!, relpages int4!, reltuples float4!, relallvisible int4!, reltoastrelid oid!, " +
		"relhasindex bool!, relisshared bool!, relpersistence char!, relkind char!, relnatts int2!, relchecks int2!, " +
		"relhasrules bool!, relhastriggers bool!, relhassubclass bool!, relrowsecurity bool!, relforcerowsecurity bool!, " +
		"relispopulated bool!, relreplident char!, relispartition bool!, relrewrite oid!, relfrozenxid xid!, relminmxid xid!, " +
		"relacl _aclitem, reloptions _text, relpartbound pg_node_tree"},
	{3456, "pg_catalog", "pg_collation", 'r', 10095, 10094, "" +
		"oid oid!, collname name!, collnamespace oid!, collowner oid!, collprovider char!, collisdeterministic bool!, " +
		"collencoding int4!, collcollate text, collctype text, colliculocale text, collversion text"},
	{2606, "pg_catalog", "pg_constraint", 'r', 10003, 10002, "" +
		"oid oid!, conname name!, connamespace oid!, contype char!, condeferrable bool!, condeferred bool!, " +
		"convalidated bool!, conrelid oid!, contypid oid!, conindid oid!, conparentid oid!, confrelid oid!, confupdtype char!, " +
		"confdeltype char!, confmatchtype char!, conislocal bool!, coninhcount int4!, connoinherit bool!, conkey _int2, " +
		"confkey _int2, conpfeqop _oid, conppeqop _oid, conffeqop _oid, confdelsetcols _int2, conexclop _oid, " +
		"conbin pg_node_tree"},
	{2607, "pg_catalog", "pg_conversion", 'r', 10049, 10048, "" +
		"oid oid!, conname name!, connamespace oid!, conowner oid!, conforencoding int4!, contoencoding int4!, " +
		"conproc regproc!, condefault bool!"},
	{12077, "pg_catalog", "pg_cursors", 'v', 12079, 12078, "name text, statement text, is_holdable bool, is_binary bool, is_scrollable bool, creation_time timestamptz"},
	{1262, "pg_catalog", "pg_database", 'r', 1248, 10052, "" +
		"oid oid!, datname name!, datdba oid!, encoding int4!, datlocprovider char!, datistemplate bool!, datallowconn bool!, " +
		"datconnlimit int4!, datfrozenxid xid!, datminmxid xid!, dattablespace oid!, datcollate text!, datctype text!, " +
		"daticulocale text, datcollversion text, datacl _aclitem"},
	{2964, "pg_catalog", "pg_db_role_setting", 'r', 10054, 10053, "setdatabase oid!, setrole oid!, setconfig _text"},
	{826, "pg_catalog", "pg_default_acl", 'r', 10088, 10087, "oid oid!, defaclrole oid!, defaclnamespace oid!, defaclobjtype char!, defaclacl _aclitem!"},
	{2608, "pg_catalog", "pg_depend", 'r', 10051, 10050, "classid oid!, objid oid!, objsubid int4!, refclassid oid!, refobjid oid!, refobjsubid int4!, deptype char!"},
	{2609, "pg_catalog", "pg_description", 'r', 10041, 10040, "objoid oid!, classoid oid!, objsubid int4!, description text!"},
	{3501, "pg_catalog", "pg_enum", 'r', 10045, 10044, "oid oid!, enumtypid oid!, enumsortorder float4!, enumlabel name!"},
	{3466, "pg_catalog", "pg_event_trigger", 'r', 10039, 10038, "oid oid!, evtname name!, evtevent name!, evtowner oid!, evtfoid oid!, evtenabled char!, evttags _text"},
	{3079, "pg_catalog", "pg_extension", 'r', 10074, 10073, "" +
		"oid oid!, extname name!, extowner oid!, extnamespace oid!, extrelocatable bool!, extversion text!, extconfig _oid, " +
		"extcondition _text"},
	{2328, "pg_catalog", "pg_foreign_data_wrapper", 'r', 10076, 10075, "oid oid!, fdwname name!, fdwowner oid!, fdwhandler oid!, fdwvalidator oid!, fdwacl _aclitem, fdwoptions _text"},
	{1417, "pg_catalog", "pg_foreign_server", 'r', 10078, 10077, "oid oid!, srvname name!, srvowner oid!, srvfdw oid!, srvtype text, srvversion text, srvacl _aclitem, srvoptions _text"},
	{3118, "pg_catalog", "pg_foreign_table", 'r', 10082, 10081, "ftrelid oid!, ftserver oid!, ftoptions _text"},
	{2610, "pg_catalog", "pg_index", 'r', 10007, 10006, "" +
		"indexrelid oid!, indrelid oid!, indnatts int2!, indnkeyatts int2!, indisunique bool!, indnullsnotdistinct bool!, " +
		"indisprimary bool!, indisexclusion bool!, indimmediate bool!, indisclustered bool!, indisvalid bool!, " +
		"indcheckxmin bool!, indisready bool!, indislive bool!, indisreplident bool!, indkey int2vector!, " +
		"indcollation oidvector!, indclass oidvector!, indoption int2vector!, indexprs pg_node_tree, indpred pg_node_tree"},
	{12043, "pg_catalog", "pg_indexes", 'v', 12045, 12044, "schemaname name, tablename name, indexname name, tablespace name, indexdef text"},
	{2611, "pg_catalog", "pg_inherits", 'r', 10005, 10004, "inhrelid oid!, inhparent oid!, inhseqno int4!, inhdetachpending bool!"},
	{2612, "pg_catalog", "pg_language", 'r', 10021, 10020, "" +
		"oid oid!, lanname name!, lanowner oid!, lanispl bool!, lanpltrusted bool!, lanplcallfoid oid!, laninline oid!, " +
		"lanvalidator oid!, lanacl _aclitem"},
	{2995, "pg_catalog", "pg_largeobject_metadata", 'r', 10023, 10022, "oid oid!, lomowner oid!, lomacl _aclitem"},
	{12038, "pg_catalog", "pg_matviews", 'v', 12040, 12039, "" +
		"schemaname name, matviewname name, matviewowner name, tablespace name, hasindexes bool, ispopulated bool, " +
		"definition text"},
	{2615, "pg_catalog", "pg_namespace", 'r', 10047, 10046, "oid oid!, nspname name!, nspowner oid!, nspacl _aclitem"},
	{2616, "pg_catalog", "pg_opclass", 'r', 10013, 10012, "" +
		"oid oid!, opcmethod oid!, opcname name!, opcnamespace oid!, opcowner oid!, opcfamily oid!, opcintype oid!, " +
		"opcdefault bool!, opckeytype oid!"},
	{2617, "pg_catalog", "pg_operator", 'r', 10009, 10008, "" +
		"oid oid!, oprname name!, oprnamespace oid!, oprowner oid!, oprkind char!, oprcanmerge bool!, oprcanhash bool!, " +
		"oprleft oid!, oprright oid!, oprresult oid!, oprcom oid!, oprnegate oid!, oprcode regproc!, oprrest regproc!, " +
		"oprjoin regproc!"},
	{2753, "pg_catalog", "pg_opfamily", 'r', 10011, 10010, "oid oid!, opfmethod oid!, opfname name!, opfnamespace oid!, opfowner oid!"},
	{3350, "pg_catalog", "pg_partitioned_table", 'r', 10099, 10098, "" +
		"partrelid oid!, partstrat char!, partnatts int2!, partdefid oid!, partattrs int2vector!, partclass oidvector!, " +
		"partcollation oidvector!, partexprs pg_node_tree"},
	{3256, "pg_catalog", "pg_policy", 'r', 10084, 10083, "" +
		"oid oid!, polname name!, polrelid oid!, polcmd char!, polpermissive bool!, polroles _oid!, polqual pg_node_tree, " +
		"polwithcheck pg_node_tree"},
	{12095, "pg_catalog", "pg_prepared_statements", 'v', 12097, 12096, "" +
		"name text, statement text, prepare_time timestamptz, parameter_types _regtype, from_sql bool, generic_plans int8, " +
		"custom_plans int8"},
	{1255, "pg_catalog", "pg_proc", 'r', 81, 272, "" +
		"oid oid!, proname name!, pronamespace oid!, proowner oid!, prolang oid!, procost float4!, prorows float4!, " +
		"provariadic oid!, prosupport regproc!, prokind char!, prosecdef bool!, proleakproof bool!, proisstrict bool!, " +
		"proretset bool!, provolatile char!, proparallel char!, pronargs int2!, pronargdefaults int2!, prorettype oid!, " +
		"proargtypes oidvector!, proallargtypes _oid, proargmodes _char, proargnames _text, proargdefaults pg_node_tree, " +
		"protrftypes _oid, prosrc text!, probin text, prosqlbody pg_node_tree, proconfig _text, proacl _aclitem"},
	{6104, "pg_catalog", "pg_publication", 'r', 10107, 10106, "" +
		"oid oid!, pubname name!, pubowner oid!, puballtables bool!, pubinsert bool!, pubupdate bool!, pubdelete bool!, " +
		"pubtruncate bool!, pubviaroot bool!"},
	{6237, "pg_catalog", "pg_publication_namespace", 'r', 10109, 10108, "oid oid!, pnpubid oid!, pnnspid oid!"},
	{6106, "pg_catalog", "pg_publication_rel", 'r', 10111, 10110, "oid oid!, prpubid oid!, prrelid oid!, prqual pg_node_tree, prattrs int2vector"},
	{3541, "pg_catalog", "pg_range", 'r', 10101, 10100, "" +
		"rngtypid oid!, rngsubtype oid!, rngmultitypid oid!, rngcollation oid!, rngsubopc oid!, rngcanonical regproc!, " +
		"rngsubdiff regproc!"},
	{2618, "pg_catalog", "pg_rewrite", 'r', 10035, 10034, "" +
		"oid oid!, rulename name!, ev_class oid!, ev_type char!, ev_enabled char!, is_instead bool!, ev_qual pg_node_tree!, " +
		"ev_action pg_node_tree!"},
	{12000, "pg_catalog", "pg_roles", 'v', 12002, 12001, "" +
		"rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, rolcanlogin bool, " +
		"rolreplication bool, rolconnlimit int4, rolpassword text, rolvaliduntil timestamptz, rolbypassrls bool, " +
		"rolconfig _text, oid oid"},
	{2224, "pg_catalog", "pg_sequence", 'r', 10105, 10104, "" +
		"seqrelid oid!, seqtypid oid!, seqstart int8!, seqincrement int8!, seqmax int8!, seqmin int8!, seqcache int8!, " +
		"seqcycle bool!"},
	{12048, "pg_catalog", "pg_sequences", 'v', 12050, 12049, "" +
		"schemaname name, sequencename name, sequenceowner name, data_type regtype, start_value int8, min_value int8, " +
		"max_value int8, increment_by int8, cycle bool, cache_size int8, last_value int8"},
	{12104, "pg_catalog", "pg_settings", 'v', 12106, 12105, "" +
		"name text, setting text, unit text, category text, short_desc text, extra_desc text, context text, vartype text, " +
		"source text, min_val text, max_val text, enumvals _text, boot_val text, reset_val text, sourcefile text, " +
		"sourceline int4, pending_restart bool"},
	{2396, "pg_catalog", "pg_shdescription", 'r', 10062, 10061, "objoid oid!, classoid oid!, description text!"},
	{12222, "pg_catalog", "pg_stat_activity", 'v', 12224, 12223, "" +
		"datid oid, datname name, pid int4, leader_pid int4, usesysid oid, usename name, application_name text, " +
		"client_addr inet, client_hostname text, client_port int4, backend_start timestamptz, xact_start timestamptz, " +
		"query_start timestamptz, state_change timestamptz, wait_event_type text, wait_event text, state text, " +
		"backend_xid xid, backend_xmin xid, query_id int8, query text, backend_type text"},
	{12161, "pg_catalog", "pg_stat_user_tables", 'v', 12163, 12162, "" +
		"relid oid, schemaname name, relname name, seq_scan int8, seq_tup_read int8, idx_scan int8, idx_tup_fetch int8, " +
		"n_tup_ins int8, n_tup_upd int8, n_tup_del int8, n_tup_hot_upd int8, n_live_tup int8, n_dead_tup int8, " +
		"n_mod_since_analyze int8, n_ins_since_vacuum int8, last_vacuum timestamptz, last_autovacuum timestamptz, " +
		"last_analyze timestamptz, last_autoanalyze timestamptz, vacuum_count int8, autovacuum_count int8, analyze_count int8, " +
		"autoanalyze_count int8"},
	{3381, "pg_catalog", "pg_statistic_ext", 'r', 10031, 10030, "" +
		"oid oid!, stxrelid oid!, stxname name!, stxnamespace oid!, stxowner oid!, stxstattarget int4!, stxkeys int2vector!, " +
		"stxkind _char!, stxexprs pg_node_tree"},
	{6100, "pg_catalog", "pg_subscription", 'r', 6101, 10112, "" +
		"oid oid!, subdbid oid!, subskiplsn pg_lsn!, subname name!, subowner oid!, subenabled bool!, subbinary bool!, " +
		"substream bool!, subtwophasestate char!, subdisableonerr bool!, subconninfo text!, subslotname name, " +
		"subsynccommit text!, subpublications _text!"},
	{12033, "pg_catalog", "pg_tables", 'v', 12035, 12034, "" +
		"schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool, hasrules bool, hastriggers bool, " +
		"rowsecurity bool"},
	{1213, "pg_catalog", "pg_tablespace", 'r', 10056, 10055, "oid oid!, spcname name!, spcowner oid!, spcacl _aclitem, spcoptions _text"},
	{2620, "pg_catalog", "pg_trigger", 'r', 10037, 10036, "" +
		"oid oid!, tgrelid oid!, tgparentid oid!, tgname name!, tgfoid oid!, tgtype int2!, tgenabled char!, " +
		"tgisinternal bool!, tgconstrrelid oid!, tgconstrindid oid!, tgconstraint oid!, tgdeferrable bool!, " +
		"tginitdeferred bool!, tgnargs int2!, tgattr int2vector!, tgargs bytea!, tgqual pg_node_tree, tgoldtable name, " +
		"tgnewtable name"},
	{3602, "pg_catalog", "pg_ts_config", 'r', 10064, 10063, "oid oid!, cfgname name!, cfgnamespace oid!, cfgowner oid!, cfgparser oid!"},
	{3600, "pg_catalog", "pg_ts_dict", 'r', 10068, 10067, "oid oid!, dictname name!, dictnamespace oid!, dictowner oid!, dicttemplate oid!, dictinitoption text"},
	{3601, "pg_catalog", "pg_ts_parser", 'r', 10070, 10069, "" +
		"oid oid!, prsname name!, prsnamespace oid!, prsstart regproc!, prstoken regproc!, prsend regproc!, " +
		"prsheadline regproc!, prslextype regproc!"},
	{3764, "pg_catalog", "pg_ts_template", 'r', 10072, 10071, "oid oid!, tmplname name!, tmplnamespace oid!, tmplinit regproc!, tmpllexize regproc!"},
	{1247, "pg_catalog", "pg_type", 'r', 71, 210, "" +
		"oid oid!, typname name!, typnamespace oid!, typowner oid!, typlen int2!, typbyval bool!, typtype char!, " +
		"typcategory char!, typispreferred bool!, typisdefined bool!, typdelim char!, typrelid oid!, typsubscript regproc!, " +
		"typelem oid!, typarray oid!, typinput regproc!, typoutput regproc!, typreceive regproc!, typsend regproc!, " +
		"typmodin regproc!, typmodout regproc!, typanalyze regproc!, typalign char!, typstorage char!, typnotnull bool!, " +
		"typbasetype oid!, typtypmod int4!, typndims int4!, typcollation oid!, typdefaultbin pg_node_tree, typdefault text, " +
		"typacl _aclitem"},
	{12014, "pg_catalog", "pg_user", 'v', 12016, 12015, "" +
		"usename name, usesysid oid, usecreatedb bool, usesuper bool, userepl bool, usebypassrls bool, passwd text, " +
		"valuntil timestamptz, useconfig _text"},
	{12327, "pg_catalog", "pg_user_mappings", 'v', 12329, 12328, "umid oid, srvid oid, srvname name, umuser oid, usename name, umoptions _text"},
	{12028, "pg_catalog", "pg_views", 'v', 12030, 12029, "schemaname name, viewname name, viewowner name, definition text"},
	{13295, "information_schema", "columns", 'v', 13297, 13296, "" +
		"table_catalog name, table_schema name, table_name name, column_name name, ordinal_position int4, " +
		"column_default varchar, is_nullable varchar, data_type varchar, character_maximum_length int4, " +
		"character_octet_length int4, numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, " +
		"datetime_precision int4, interval_type varchar, interval_precision int4, character_set_catalog name, " +
		"character_set_schema name, character_set_name name, collation_catalog name, collation_schema name, " +
		"collation_name name, domain_catalog name, domain_schema name, domain_name name, udt_catalog name, udt_schema name, " +
		"udt_name name, scope_catalog name, scope_schema name, scope_name name, maximum_cardinality int4, dtd_identifier name, " +
		"is_self_referencing varchar, is_identity varchar, identity_generation varchar, identity_start varchar, " +
		"identity_increment varchar, identity_maximum varchar, identity_minimum varchar, identity_cycle varchar, " +
		"is_generated varchar, generation_expression varchar, is_updatable varchar"},
	{13300, "information_schema", "constraint_column_usage", 'v', 13302, 13301, "" +
		"table_catalog name, table_schema name, table_name name, column_name name, constraint_catalog name, " +
		"constraint_schema name, constraint_name name"},
	{13329, "information_schema", "key_column_usage", 'v', 13331, 13330, "" +
		"constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, table_schema name, " +
		"table_name name, column_name name, ordinal_position int4, position_in_unique_constraint int4"},
	{13339, "information_schema", "referential_constraints", 'v', 13341, 13340, "" +
		"constraint_catalog name, constraint_schema name, constraint_name name, unique_constraint_catalog name, " +
		"unique_constraint_schema name, unique_constraint_name name, match_option varchar, update_rule varchar, " +
		"delete_rule varchar"},
	{13382, "information_schema", "schemata", 'v', 13384, 13383, "" +
		"catalog_name name, schema_name name, schema_owner name, default_character_set_catalog name, " +
		"default_character_set_schema name, default_character_set_name name, sql_path varchar"},
	{13411, "information_schema", "table_constraints", 'v', 13413, 13412, "" +
		"constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, table_schema name, " +
		"table_name name, constraint_type varchar, is_deferrable varchar, initially_deferred varchar, enforced varchar, " +
		"nulls_distinct varchar"},
	{13425, "information_schema", "tables", 'v', 13427, 13426, "" +
		"table_catalog name, table_schema name, table_name name, table_type varchar, self_referencing_column_name name, " +
		"reference_generation varchar, user_defined_type_catalog name, user_defined_type_schema name, " +
		"user_defined_type_name name, is_insertable_into varchar, is_typed varchar, commit_action varchar"},
	{13483, "information_schema", "views", 'v', 13485, 13484, "" +
		"table_catalog name, table_schema name, table_name name, view_definition varchar, check_option varchar, " +
		"is_updatable varchar, is_insertable_into varchar, is_trigger_updatable varchar, is_trigger_deletable varchar, " +
		"is_trigger_insertable_into varchar"},
}
