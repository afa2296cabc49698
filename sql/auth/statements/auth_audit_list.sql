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
   AND (:query.referenceValue::text IS NULL
        OR a.reference_value = :query.referenceValue)
   AND a.id >= auth.uuid7_from(coalesce(:query.from::timestamptz, 'epoch'))
   AND a.id < auth.uuid7_from(coalesce(:query.to::timestamptz,
                                       '9999-01-01 00:00:00Z'))
   /*after*/ /*order*/
