-- auth_audit_list: Search the audit
-- kind: list
-- returns: AuditRecord
-- sort: -createts  a.id uuid
-- sort: createts   a.id uuid
SELECT auth.audit_text(a) AS item
  FROM core.audit a
 WHERE a.tenant = :tenant
   /*if query.operation*/ AND a.operation = :query.operation /*end*/
   /*if query.actor*/ AND a.employee_id = :query.actor /*end*/
   /*if query.referenceType*/ AND a.reference_type = :query.referenceType
   /*end*/
   /*if query.referenceValue*/ AND a.reference_value = :query.referenceValue
   /*end*/
   /*if query.from*/
   AND a.id >= auth.uuid7_from(:query.from::timestamptz - interval '1 s')
   AND a.createts >= :query.from::timestamptz
   /*end*/
   /*if query.to*/
   AND a.id < auth.uuid7_from(:query.to::timestamptz + interval '1 s')
   AND a.createts < :query.to::timestamptz
   /*end*/
   /*after*/ /*order*/
