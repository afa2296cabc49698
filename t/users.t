# Users over HTTP: a person registers, logs in, keeps a profile; an
# administrator looks after them.

use Carmen::Test;

my $t = Carmen::Test->new;
my $anyone = $t->client;
my $keys = 0;
my $admin = $t->client(sub => '0190a0a0-0000-7000-8000-0000000000ad',
    scope => 'users:read users:write users:self');

my %ada = (email => 'Ada@Example.com', password => 'analytical engine',
           givenName => 'Ada', familyName => 'Lovelace', locale => 'en-GB',
           timeZone => 'Europe/London');

# registration

my $made = $anyone->post('/api/v1/users', key => 'ada', json => \%ada);
json_is($made, 201, { email => 'Ada@Example.com', status => 'active',
    roles => ['customer'], version => 1 }, 'Ada registers');
my $id = $made->json->{userId};
unlike($made->body, qr/password|analytical|\$2/, 'no word of the password');
is($made->header('cache-control'), 'no-store', 'not to be kept');
is($anyone->post('/api/v1/users', key => 'ada', json => \%ada)->body,
   $made->body, 'the same key, the same answer');
problem_is($anyone->post('/api/v1/users', key => 'ada',
    json => { %ada, givenName => 'Eve' }), 422, 'idempotency-mismatch');
is($t->sql(q{SELECT count(*) FROM users."user"}), 1, 'one user');
like($t->sql('SELECT password_hash FROM auth.credential'), qr/^\$2b\$/,
     'a bcrypt hash');
is($t->sql(q{SELECT count(*) FROM core.audit
    WHERE changes::text LIKE '%analytical%'})
   + $t->sql(q{SELECT count(*) FROM core.event
    WHERE data::text ~ 'analytical|Ada'}), 0,
   'nothing of it in audit and events');

problem_is($anyone->post('/api/v1/users', key => 'ada2',
    json => { %ada, email => 'ada@EXAMPLE.com' }), 409, 'email-unavailable');
problem_is($anyone->post('/api/v1/users', json => \%ada),
    400, 'idempotency-key-required');

for (['short', 422, 'validation-failed'],
     ['x' x 129, 422, 'validation-failed'],
     ['Password123!', 422, 'weak-password'],
     ['12345678', 422, 'weak-password'],
     ['zzzzzzzz', 422, 'weak-password'],
     ['bob.b@example.com', 422, 'weak-password'],
     ['BOB.BBBBB', 201], ['ein gutes Kennwort mit ü', 201])
{
    my ($password, $status, $problem) = @$_;
    my $n = ++$keys;
    my $r = $anyone->post('/api/v1/users', key => "bob$n", json => {
        email => $n < 7 ? 'bob.b@example.com' : "bob$n\@example.com",
        password => $password });
    $problem ? problem_is($r, $status, $problem, "password $password")
             : is($r->status, $status, "password $password");
}

my $p = problem_is($anyone->post('/api/v1/users', key => 'no',
    json => { email => 'x@example.com' }), 422, 'validation-failed');
is($p->{errors}[0]{pointer}, '/password', 'a password is needed');
$p = problem_is($anyone->post('/api/v1/users', key => 'no2',
    json => { password => 'analytical engine' }), 422, 'validation-failed');
is($p->{errors}[0]{pointer}, '/email', 'and an address');
is($anyone->post('/api/v1/users', key => 'no3',
    json => { %ada, email => 'c@example.com', roles => ['admin'] })->status,
   403, 'nobody makes himself an administrator');
problem_is($anyone->post('/api/v1/users', key => 'no4',
    json => { %ada, email => 'not an address' }), 422, 'validation-failed');
problem_is($anyone->post('/api/v1/users', key => 'no5', json => { %ada,
    email => 'tz@example.com', timeZone => 'Mars/Olympus' }),
    422, 'validation-failed');

# many at once: the worker goes on answering

{
    my @r = $anyone->all(map { [POST => '/api/v1/users', key => "m$_",
        json => { email => "m$_\@example.com",
                  password => 'analytical engine' }] } 1 .. 12);
    is(scalar(grep { $_->status == 201 } @r), 12, 'twelve register at once');
}

# herself

my $ada = $t->client(sub => $id, scope => 'users:self');
my $me = $ada->get('/api/v1/users/me');
json_is($me, 200, { userId => $id, familyName => 'Lovelace' }, 'who I am');
json_is($ada->patch('/api/v1/users/me', match => $me->version,
    json => { displayName => 'Countess', profile => { likes => ['math'] } }),
    200, { displayName => 'Countess', version => 2 }, 'a profile');
problem_is($ada->patch('/api/v1/users/me', match => 1,
    json => { phone => '12345' }), 412, 'precondition-failed');
problem_is($ada->patch('/api/v1/users/me', json => { phone => '12345' }),
    428, 'precondition-required');
problem_is($ada->patch('/api/v1/users/me', match => 2,
    json => { roles => ['admin'] }), 422, 'validation-failed');
json_is($ada->get('/api/v1/users/me/preferences'), 200,
    { preferences => {} }, 'no preferences yet');
json_is($ada->put('/api/v1/users/me/preferences', match => 2,
    json => { preferences => { news => \0 } }), 200, { preferences => {} });
like($ada->get('/api/v1/users/me/preferences')->body, qr/"news": ?false/,
    'preferences are kept');
problem_is($ada->get("/api/v1/users/$id"), 403, 'insufficient-scope');
problem_is($ada->get('/api/v1/users'), 403, 'insufficient-scope');
problem_is($t->client(sub => 'program-7', scope => 'users:self')
    ->get('/api/v1/users/me'), 404, 'not-found');
problem_is($t->client(sub => $id, tenant => 'other', scope => 'users:self')
    ->get('/api/v1/users/me'), 404, 'not-found');

# an administrator

my $alfki = $admin->post('/api/v1/users', key => 'alfki', json => {
    company => 'Alfreds Futterkiste', externalRef => 'ALFKI',
    roles => ['customer', 'sales'] });
json_is($alfki, 201, { externalRef => 'ALFKI',
    roles => ['customer', 'sales'], email => undef },
    'a user without a password');
problem_is($admin->post('/api/v1/users', key => 'alfki2', json => {
    externalRef => 'ALFKI' }), 409, 'duplicate-external-ref');
problem_is($admin->post('/api/v1/users', key => 'alfki3', json => {
    roles => ['emperor'] }), 422, 'unknown-reference');
json_is($admin->get('/api/v1/users?externalRef=ALFKI'), 200,
    { items => [{ company => 'Alfreds Futterkiste' }] }, 'found by it');
json_is($admin->get('/api/v1/users?email=ADA%40example.com'), 200,
    { items => [{ userId => $id }] }, 'found by address');
my @names = map { $_->{displayName} // $_->{company} // $_->{email} }
    @{ $admin->get('/api/v1/users?limit=200')->json->{items} };
is_deeply(\@names, [sort { lc $a cmp lc $b } @names], 'sorted by name');

my $user = $admin->get("/api/v1/users/$id");
json_is($admin->patch("/api/v1/users/$id", match => $user->version,
    json => { roles => ['customer', 'sales'] }), 200,
    { roles => ['customer', 'sales'] }, 'roles are given');
json_is($admin->post("/api/v1/users/$id/suspend"), 200,
    { status => 'suspended' }, 'suspended');
isnt($t->sql('SELECT disabled_ts FROM auth.credential WHERE user_id = ?',
    $id), undef, 'in auth as well');
json_is($admin->post("/api/v1/users/$id/suspend"), 200,
    { status => 'suspended' }, 'once more');
json_is($admin->post("/api/v1/users/$id/activate"), 200,
    { status => 'active' }, 'active again');
is($admin->delete("/api/v1/users/$id")->status, 204, 'forgotten');
problem_is($admin->get("/api/v1/users/$id"), 404, 'not-found');
json_is($admin->get('/api/v1/users?status=deleted'), 200,
    { items => [{ userId => $id, familyName => undef, email => undef }] },
    'a number is left');
is($t->sql(q{SELECT count(*) FROM (SELECT FROM core.event
    WHERE source = '/users/user' GROUP BY subject
    HAVING max(sequence) <> count(*)) s}), 0, 'no event is missing');

done_testing;
