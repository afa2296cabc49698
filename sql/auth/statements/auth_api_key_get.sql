-- auth_api_key_get: An API key of the caller
-- returns: ApiKey
SELECT auth.api_key_text(k) AS body
  FROM auth.api_key k
 WHERE k.tenant = :tenant AND k.key_id = :path.keyId::uuid
   AND k.user_id = auth.user_of(:actor)
