-- auth_session_list_of: List the sessions of a user
-- kind: list
-- returns: Session
-- sort: -createts  s.session_id uuid
-- sort: createts   s.session_id uuid
SELECT auth.session_text(s, :value.session) AS item
  FROM auth.session s
 WHERE s.tenant = :tenant AND s.user_id = :path.userId::uuid
   AND (:query.status::text IS NOT DISTINCT FROM 'all'
        OR s.ended_ts IS NULL AND s.expires_ts > now())
   /*after*/ /*order*/
