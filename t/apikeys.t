# API keys: made, used, narrowed, revoked.

use Carmen::Test;

my $WORKERS = 2;
my $t = Carmen::Test->new(
    domains => ['auth', 'catalog'],
    workers => $WORKERS,
    log_level => 'info',
    locations => "        location /files/ { return 200 'a file'; }\n"
        . "        location /guarded/ { proxy_pass "
        . "http://127.0.0.1:\$server_port/files/; }\n",
);
my $hash = '$2b$04$abcdefghijklmnopqrstuuN2V6mZzVYyPzGdHjTmuU5X5sYvUmiCO';
my $anyone = $t->client;
my $KEYS = '/api/v1/auth/keys';
my $PRODUCTS = '/api/v1/products';
my $serial = 0;


sub account
{
    my ($login, $roles, $tenant) = @_;
    $tenant //= 'demo';
    return $t->sql(<<"END");
        WITH id AS MATERIALIZED (SELECT core.uuid7() AS id),
        made AS MATERIALIZED (SELECT auth.credential_create('$tenant', id,
            '$login\@example.com', '$hash', '{$roles}') FROM id)
        SELECT id FROM id, made
END
}


sub make
{
    my ($client, %body) = @_;
    return $client->post($KEYS, key => 'k' . ++$serial,
                         json => { name => 'a program', %body });
}


my $ada = account('ada', 'customer,sales');
my $SCOPE = 'users:self catalog:read orders:read orders:write';
my $c = $t->client(sub => $ada, scope => $SCOPE);

my $r = make($c, scopes => ['catalog:read', 'users:self']);
is($r->status, 201, 'a key') or diag($r->body);
my $made = $r->json;
my $key = $made->{key};
like($key, qr/^ck_demo\.[\w-]{43}$/, 'its form');
json_is($r, 201, { keyId => qr/-/, userId => $ada, name => 'a program',
    prefix => substr($key, 0, 16), scopes => ['catalog:read', 'users:self'],
    status => 'active', usedDate => undef, expiresDate => undef,
    revokedDate => undef }, 'what is said of it');
is($r->header('location'), "$KEYS/$made->{keyId}", 'where it is');
is($r->header('cache-control'), 'no-store', 'nobody keeps it');
is($t->sql("SELECT count(*) FROM auth.api_key k WHERE k::text LIKE '%' || ? || '%'",
    substr $key, 8), 0, 'the table does not have it');
is($t->sql("SELECT count(*) FROM core.idempotency i
    WHERE i::text LIKE '%' || ? || '%'", substr $key, 8), 0,
    'nor the memory of requests');

subtest 'use' => sub {
    for my $how ([token => $key], [headers => { 'X-API-Key' => $key },
                                   token => undef],
                 [headers => { Authorization => "bearer $key" },
                  token => undef])
    {
        is($anyone->get($PRODUCTS, @$how)->status, 200, $how->[0]);
    }
    problem_is($anyone->get('/api/v1/brands', token => $key . 'x'), 401,
        'invalid-token', 'a longer one');
    problem_is($anyone->post($PRODUCTS, token => $key, key => 'x', json => {}),
        403, 'insufficient-scope', 'its scopes are those it was given');

    my $k = $anyone->with(token => $key);
    json_is($k->get("$KEYS/$made->{keyId}"), 200,
        { userId => $ada, key => undef }, 'it acts for its owner');
    wait_until { defined $k->get("$KEYS/$made->{keyId}")->json->{usedDate} }
        'its use is noted';
    is($anyone->get('/guarded/', token => $key)->status, 200,
        'in a location without endpoints');
    is($anyone->get('/guarded/')->status, 401, 'which wants a credential');

    my @r = $anyone->all(map { [GET => $PRODUCTS, token => $key] } 1 .. 20);
    is(scalar(grep { $_->status == 200 } @r), 20, 'twenty at once');
    for (1 .. 20) {
        my $s = $anyone->send_raw($anyone->format(GET => $PRODUCTS,
            headers => { 'X-API-Key' => "ck_demo." . 'A' x 42 . 'A' }));
        close $s;
    }
    is($anyone->get($PRODUCTS, token => $key)->status, 200,
        'clients that leave do no harm');
};


subtest 'keys that are none' => sub {
    my $random = substr $key, 8;
    for my $bad ('ck_', 'ck_demo', 'ck_demo.', "ck_.$random",
        "ck_Demo.$random", 'ck_demo.' . 'A' x 43, "ck_acme.$random",
        'ck_demo.' . substr($random, 0, -1), "ck_demo.$random=",
        "ck_demo.$random.x", "ck_../x.$random")
    {
        problem_is($anyone->get($PRODUCTS, token => $bad), 401,
            'invalid-token', substr $bad, 0, 14);
        next if $bad eq '';
        problem_is($anyone->get($PRODUCTS, headers => { 'X-API-Key' => $bad }),
            401, 'invalid-token', 'in X-API-Key');
    }
    problem_is($anyone->get($PRODUCTS, headers => { 'X-API-Key' => '' }), 401,
        'invalid-token', 'an empty one');
    problem_is($anyone->get($PRODUCTS, headers => { 'X-API-Key' =>
        $t->token(scope => 'catalog:read') }), 401, 'invalid-token',
        'a token is no key');
};


subtest 'making' => sub {
    json_is(make($c), 201, { scopes =>
        ['catalog:read', 'orders:read', 'orders:write', 'users:self'] },
        'without scopes: those of the token');
    problem_is(make($c, scopes => ['users:write']), 422, 'validation-failed',
        'not what the owner has not');
    problem_is(make($c, scopes => ['orders:manage']), 422,
        'validation-failed', 'nor what the token has not');
    problem_is(make($anyone->with(token => $key), scopes => ['orders:read']),
        422, 'validation-failed', 'a key makes no stronger one');
    problem_is(make($t->client(sub => $ada, scope => "$SCOPE users:write"),
        scopes => ['users:write']), 422, 'validation-failed',
        'a token that says more than the owner has');
    problem_is(make($c, expiresDate => '2020-01-01T00:00:00Z'), 422,
        'validation-failed', 'an end in the past');
    problem_is(make($t->client(sub => 'robot', scope => 'users:self')), 403,
        'forbidden', 'a subject that is no user');
    problem_is($c->post($KEYS, json => { name => 'x' }), 400,
        'idempotency-key-required');

    my $first = $c->post($KEYS, key => 'same', json => { name => 'x' });
    my $again = $c->post($KEYS, key => 'same', json => { name => 'x' });
    ok($first->json->{key}, 'made');
    is($again->status, 201, 'repeated');
    is($again->json->{keyId}, $first->json->{keyId}, 'the same');
    ok(!exists $again->json->{key}, 'without the key');
};


subtest 'narrowing and ends' => sub {
    my $bob = account('bob', 'admin');
    my $b = $t->client(sub => $bob, scope => 'users:self catalog:read '
        . 'catalog:write');
    my $own = make($b)->json;
    my $k = $anyone->with(token => $own->{key});
    is($k->post('/api/v1/brands', key => 'b1', json => { name => 'B' })
        ->status, 201, 'an owner who may write');

    my $short = make($b, expiresDate =>
        $t->sql("SELECT core.ts(now() + interval '2 s')"))->json->{key};
    is($anyone->get($PRODUCTS, token => $short)->status, 200,
        'a key that ends soon');
    wait_until { $anyone->get($PRODUCTS, token => $short)->status == 401 }
        'has ended', 6;

    $t->sql("SELECT auth.roles_set('demo', '$bob', '{customer}')");
    $t->nginx->reload;
    problem_is($k->post('/api/v1/brands', key => 'b2', json =>
        { name => 'B2' }), 403, 'insufficient-scope',
        'has lost the right, and so has his key');
    is($k->get($PRODUCTS)->status, 200, 'the rest stays');

    $t->sql("SELECT auth.credential_disable('demo', '$bob')");
    wait_until { $k->get($PRODUCTS)->status == 401 } 'disabled', 1;
    $t->sql("SELECT auth.credential_enable('demo', '$bob')");
    wait_until { $k->get($PRODUCTS)->status == 200 } 'enabled again', 10;
};


subtest 'revoking' => sub {
    my $mine = make($c)->json;
    my $k = $anyone->with(token => $mine->{key});
    for (1 .. 20) { $k->get($PRODUCTS, close => 1) }
    is($k->get($PRODUCTS)->status, 200, 'good, and known to the workers');

    my $eve = account('eve', 'admin');
    my $other = $t->client(sub => $eve, scope => $SCOPE);
    problem_is($other->delete("$KEYS/$mine->{keyId}"), 404, 'not-found',
        'another\'s is not there');
    problem_is($other->get("$KEYS/$mine->{keyId}"), 404, 'not-found');
    is($c->delete("$KEYS/$mine->{keyId}")->status, 204, 'revoked');
    wait_until { my @r = map { $k->get($PRODUCTS, close => 1)->status } 1 .. 10;
                 !grep { $_ != 401 } @r } 'and refused by all', 1;
    is($c->delete("$KEYS/$mine->{keyId}")->status, 204, 'once more');
    ok(!(grep { $_->{keyId} eq $mine->{keyId} } list_all($c, $KEYS)),
        'it is not among those in force');
    my ($row) = grep { $_->{keyId} eq $mine->{keyId} }
        list_all($c, "$KEYS?status=all&limit=2");
    is($row->{status}, 'revoked', 'but among all');

    my $admin = $t->client(sub => $eve, scope => 'users:read users:write');
    my $of = "/api/v1/auth/users/$ada/keys";
    ok((grep { $_->{keyId} eq $made->{keyId} } list_all($admin, $of)),
        'an administrator sees them');
    problem_is($c->get($of), 403, 'insufficient-scope', 'nobody else');
    is($admin->delete("$of/$made->{keyId}")->status, 204, 'and revokes them');
    wait_until { $anyone->get($PRODUCTS, token => $key)->status == 401 }
        'refused', 1;
    is_deeply([$t->sql(q{SELECT operation FROM core.audit
        WHERE reference_value = ? ORDER BY id}, $made->{keyId})],
        ['auth.key.created', 'auth.key.revoked'], 'the audit has it');

    my $stranger = $t->client(sub => $ada, tenant => 'acme',
                              scope => 'users:self users:read users:write');
    my $left = make($c)->json;
    problem_is($stranger->delete("$KEYS/$left->{keyId}"), 404, 'not-found',
        'another tenant');
    problem_is($stranger->delete("$of/$left->{keyId}"), 404, 'not-found');
    is_deeply(scalar list_all($stranger, $of), [], 'sees none');
};


unlike($t->nginx->log, qr/ck_\w+\.[\w-]{20}/, 'no key in the log');

done_testing;
