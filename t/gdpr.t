# GDPR: what is kept of a person is handed out as one document, and forgotten.

use Carmen::Test;

my $t = Carmen::Test->new;
my $anyone = $t->client;
my $admin = $t->client(sub => '0190a0a0-0000-7000-8000-0000000000ad',
    scope => 'users:read users:write');

my $id = $anyone->post('/api/v1/users', key => 'ada', json => {
    email => 'ada@example.com', password => 'analytical engine',
    givenName => 'Ada', familyName => 'Lovelace',
    preferences => { colour => 'green' } })->json->{userId};
my $ada = $t->client(sub => $id, scope => 'users:self orders:read');
is($anyone->post('/api/v1/auth/login', json => {
    email => 'ada@example.com', password => 'analytical engine' })->status,
    200, 'Ada logs in') or diag('login');

$t->sql(q{INSERT INTO orders."order" (tenant, customer_id, placed_by,
        holder_id, currency, gross, discount, net, total, note)
    SELECT (SELECT tenant FROM users."user"), x, x, core.uuid7(), 'EUR', 950, 0, 950, 950, n
      FROM (VALUES ($1, 'Ring twice, says Ada'), ($1, NULL),
                   ('somebody', 'For Ada')) v (x, n)}, $id);
$t->sql(q{INSERT INTO core.event (tenant, type, source, subject, sequence,
        data)
    SELECT tenant, 'com.carmen.orders.order.created.v1', '/orders/order',
           order_id::text, 1, '{}' FROM orders."order"});

# export

my $mine = $ada->get('/api/v1/users/me/export');
my $data = json_is($mine, 200, { userId => $id })->{data};
is($mine->header('cache-control'), 'no-store', 'not to be kept');
is_deeply([sort keys %$data], [qw(audit auth federation orders users)],
    'of all domains');
is($data->{users}{user}{familyName}, 'Lovelace', 'the profile');
is($data->{users}{preferences}{colour}, 'green', 'preferences');
is($data->{auth}{login}{login}, 'ada@example.com', 'the login name');
is(scalar @{ $data->{auth}{sessions} }, 1, 'a session');
is($data->{auth}{sessions}[0]{address}, '127.0.0.1', 'with its address');
is(scalar @{ $data->{orders} }, 2, 'her orders and no other');
is_deeply([grep { defined } map { $_->{note} } @{ $data->{orders} }],
    ['Ring twice, says Ada'], 'as they are');
ok((grep { $_->{operation} eq 'auth.login.succeeded' }
    @{ $data->{audit} }), 'what she did');
unlike($mine->body, qr/\$2[aby]\$|password_?hash|token_?hash/i,
    'no secrets');
my ($secret) = $t->sql('SELECT token_hash FROM auth.refresh_token');
unlike($mine->body, qr/\Q$secret\E/, 'nor a token');
is($t->sql(q{SELECT count(*) FROM core.audit WHERE operation = 'export'
    AND reference_value = $1}, $id), 1, 'the export is on record');

json_is($admin->get("/api/v1/users/$id/export"), 200, { userId => $id },
    'an administrator exports');
problem_is($ada->get("/api/v1/users/$id/export"), 403, 'insufficient-scope');
problem_is($t->client(sub => $id, scope => 'users:write', tenant => 'other')
    ->get("/api/v1/users/$id/export"), 404, 'not-found');

# a domain that comes later

$t->sql(q{CREATE FUNCTION public.pets(a text, b uuid) RETURNS json
    LANGUAGE sql RETURN '["a cat"]'::json});
$t->sql(q{CREATE FUNCTION public.pets_gone(a text, b uuid) RETURNS void
    LANGUAGE plpgsql AS 'BEGIN PERFORM set_config(''x.gone'', ''1'', true);
                         END'});
$t->sql(q{SELECT core.personal_add('pets', 'public.pets(text,uuid)',
                                   'public.pets_gone(text,uuid)')});
is($ada->get('/api/v1/users/me/export')->json->{data}{pets}[0], 'a cat',
    'a new domain adds its own');

# erasure

problem_is($ada->post("/api/v1/users/$id/erase"), 403, 'insufficient-scope');
problem_is($t->client(sub => '0190a0a0-0000-7000-8000-0000000000ad',
    scope => 'users:write', tenant => 'other')
    ->post("/api/v1/users/$id/erase"), 404, 'not-found');
problem_is($t->client(sub => $id, scope => 'users:write')
    ->post("/api/v1/users/$id/erase"), 409, 'own-account');
is($t->sql('SELECT count(*) FROM auth.session'), 1, 'all is there still');

is($admin->post("/api/v1/users/$id/erase", key => 'e1')->status, 204,
    'erased');
is($admin->post("/api/v1/users/$id/erase", key => 'e1')->status, 204,
    'the same key');
is($admin->post("/api/v1/users/$id/erase")->status, 204, 'once more');

is($t->sql(q{SELECT count(*) FROM users."user" u
    WHERE u.user_id = $1 AND u::text ~* 'ada|lovelace|green'}, $id), 0,
    'nothing in users');
is($t->sql('SELECT count(*) FROM auth.credential')
   + $t->sql('SELECT count(*) FROM auth.session')
   + $t->sql('SELECT count(*) FROM auth.refresh_token'), 0, 'nor in auth');
is($t->sql(q{SELECT count(*) FROM core.idempotency
    WHERE reply::text ~* 'lovelace'}), 0, 'nor in answers kept');
is($t->sql(q{SELECT count(*) FROM core.event
    WHERE data::text ~* 'lovelace|ada@'})
   + $t->sql(q{SELECT count(*) FROM core.audit
    WHERE changes::text ~* 'lovelace|ada@'}), 0, 'nor in events and audit');
is($t->sql(q{SELECT string_agg(total || coalesce(note, '-'), ' '
    ORDER BY customer_id) FROM orders."order"}), '950- 950- 950For Ada',
    'her orders stay for the books, without her words; others stay');
is($t->sql(q{SELECT count(*) FROM (SELECT FROM core.event
    GROUP BY source, subject HAVING max(sequence) <> count(*)) s}), 0,
    'no event is missing');
wait_until { $ada->get('/api/v1/users/me/export')->status == 401 }
    'her token is good for nothing', 1;
problem_is($anyone->post('/api/v1/auth/login', json => {
    email => 'ada@example.com', password => 'analytical engine' }), 401,
    'invalid-credentials');

# one who was deleted before

my $bob = $admin->post('/api/v1/users', key => 'bob', json => {
    email => 'bob@example.com', password => 'difference engine' })
    ->json->{userId};
is($admin->delete("/api/v1/users/$bob")->status, 204, 'deleted');
is($t->sql('SELECT count(*) FROM auth.credential'), 1, 'a trace is left');
is($admin->post("/api/v1/users/$bob/erase")->status, 204, 'erased');
is($t->sql('SELECT count(*) FROM auth.credential'), 0, 'none is left');

done_testing;
