-- auth_api_key_list_of: List the API keys of a user
-- kind: list
-- returns: ApiKey
-- sort: -createts  k.key_id uuid
-- sort: createts   k.key_id uuid
SELECT auth.api_key_text(k) AS item
  FROM auth.api_key k
 WHERE k.tenant = :tenant AND k.user_id = :path.userId::uuid
   AND (:query.status::text IS NOT DISTINCT FROM 'all'
        OR k.revoked_ts IS NULL
           AND (k.expires_ts IS NULL OR k.expires_ts > now()))
   /*after*/ /*order*/
