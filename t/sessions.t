# Sessions as their owner and as an administrator see and end them.

use Carmen::Test;
use MIME::Base64 qw(decode_base64url);

my $PASSWORD = 'correct horse battery staple';

my $t = Carmen::Test->new(
    domains => ['auth'],
    main => 'thread_pool passwords threads=2;',
    server => <<'END',
        carmen_auth_bcrypt_cost 4;
        carmen_auth_thread_pool passwords;
END
);
my $hash = crypt $PASSWORD, '$2b$04$abcdefghijklmnopqrstuu';
my $anyone = $t->client;
my $SESSIONS = '/api/v1/auth/sessions';


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


sub login
{
    my ($login, $tenant) = @_;
    my $r = $anyone->post('/api/v1/auth/login', json => {
        email => "$login\@example.com", password => $PASSWORD,
        tenant => $tenant // 'demo' });
    die 'login: ' . $r->status . ' ' . $r->body if $r->status != 200;

    my $tokens = $r->json;
    return $anyone->with(token => $tokens->{access_token},
        refresh => $tokens->{refresh_token}, sid => from_json(
        decode_base64url((split /\./, $tokens->{access_token})[1]))->{sid});
}


sub ids { [map { $_->{sessionId} } @{ $_[0]->json->{items} }] }
sub refused { my ($c) = @_; return $c->get($SESSIONS)->status == 401 }


my $ada = account('ada', 'customer');
my $bob = account('bob', 'customer');
my $eve = account('eve', 'customer', 'acme');
account('admin', 'admin');
account('ada', 'admin', 'acme');

subtest 'one\'s own' => sub {
    my @s = map { login('ada') } 1 .. 3;

    my $r = $s[1]->get($SESSIONS);
    is_deeply(ids($r), [map { $_->{sid} } reverse @s], 'newest first');
    json_is($r, 200, { items => [{}, { sessionId => $s[1]{sid},
        userId => $ada, clientId => 'carmen', status => 'active',
        current => from_json('true'), endedDate => undef,
        endReason => undef, address => '127.0.0.1',
        createdDate => qr/^\d{4}-.*Z$/, usedDate => qr/Z$/,
        expiresDate => qr/Z$/ }, { current => from_json('false') }] },
        'what is said of them');
    is($r->header('cache-control'), 'no-store', 'nobody keeps it');
    is_deeply(ids($s[0]->get("$SESSIONS?sort=createts&limit=2")),
        [map { $_->{sid} } @s[0, 1]], 'oldest first, two of them');
    is(scalar @{ list_all($s[0], "$SESSIONS?limit=1") }, 3, 'page by page');

    is($s[0]->delete("$SESSIONS/$s[1]{sid}")->status, 204, 'one is ended');
    wait_until { refused($s[1]) } 'its access token is refused', 1;
    problem_is($anyone->post('/api/v1/auth/refresh', json =>
        { refresh_token => $s[1]{refresh} }), 401, 'invalid-refresh-token',
        'and its refresh token');
    is_deeply(ids($s[0]->get($SESSIONS)), [map { $_->{sid} } @s[2, 0]],
        'it is not among those in force');
    my ($ended) = grep { $_->{sessionId} eq $s[1]{sid} }
        @{ $s[0]->get("$SESSIONS?status=all")->json->{items} };
    is($ended->{status}, 'ended', 'but among all');
    is($ended->{endReason}, 'revoked', 'with the reason');
    is($s[0]->delete("$SESSIONS/$s[1]{sid}")->status, 204,
        'to end it again changes nothing');
    is($t->sql(q{SELECT count(*) FROM core.audit WHERE reference_value = ?
        AND operation = 'auth.session.ended'}, $s[1]{sid}), 1,
        'the audit has it once');

    my $b = login('bob');
    problem_is($s[0]->delete("$SESSIONS/$b->{sid}"), 404, 'not-found',
        'another\'s is not there');
    is($b->get($SESSIONS)->status, 200, 'nor ended');

    my $fourth = login('ada');
    json_is($s[0]->post("$SESSIONS/revoke", json => {
        exceptCurrent => from_json('true') }), 200, { revoked => 2 },
        'all others');
    wait_until { refused($s[2]) && refused($fourth) } 'are refused', 1;
    is($s[0]->get($SESSIONS)->status, 200, 'this one is not');
    json_is($s[0]->post("$SESSIONS/revoke", json => {}), 200,
        { revoked => 1 }, 'all');
    wait_until { refused($s[0]) } 'this one, too', 1;
    is(login('ada')->get($SESSIONS)->status, 200, 'a new login is good');
};


subtest 'by an administrator' => sub {
    my $admin = login('admin');
    my @s = map { login('ada') } 1 .. 2;
    my $of = "/api/v1/auth/users/$ada/sessions";

    ok(scalar(grep { $_ eq $s[0]{sid} } @{ ids($admin->get($of)) }),
        'the sessions of a user');
    problem_is($s[0]->get($of), 403, 'insufficient-scope',
        'not for the user');
    problem_is($s[0]->delete("$of/$s[1]{sid}"), 403, 'insufficient-scope');
    problem_is($s[0]->post("$of/revoke"), 403, 'insufficient-scope');

    problem_is($admin->delete("/api/v1/auth/users/$bob/sessions/$s[0]{sid}"),
        404, 'not-found', 'not under another user');
    is($admin->delete("$of/$s[0]{sid}")->status, 204, 'one is ended');
    wait_until { refused($s[0]) } 'and refused', 1;
    is($s[1]->get($SESSIONS)->status, 200, 'the other is not');
    is($admin->post("$of/revoke")->status, 200, 'all');
    wait_until { refused($s[1]) } 'are refused', 1;
    is($t->sql(q{SELECT employee_id FROM core.audit WHERE reference_value = ?
        AND operation = 'auth.session.ended'}, $s[1]{sid}),
        $t->sql(q{SELECT user_id::text FROM auth.session WHERE session_id = ?},
                $admin->{sid}), 'the audit says who did it');
};


subtest 'tenants' => sub {
    my $s = login('ada');
    my $stranger = login('ada', 'acme');
    my $of = "/api/v1/auth/users/$ada/sessions";

    is_deeply($stranger->get($of)->json->{items}, [], 'no sessions');
    problem_is($stranger->delete("$of/$s->{sid}"), 404, 'not-found');
    problem_is($stranger->delete("$SESSIONS/$s->{sid}"), 404, 'not-found');
    problem_is($stranger->post("$of/revoke"), 404, 'not-found');
    is($s->get($SESSIONS)->status, 200, 'it is still good');
};


subtest 'a user who is disabled' => sub {
    my $s = login('bob');
    my $token = $t->client(sub => $bob, scope => 'users:self');
    is($token->get($SESSIONS)->status, 200, 'a token without a session');
    $t->sql("SELECT auth.credential_disable('demo', ?)", $bob);
    wait_until { refused($s) } 'the session is over', 1;
    wait_until { refused($token) } 'and what had none', 1;
    $t->sql("SELECT auth.credential_enable('demo', ?)", $bob);
    is($t->client(sub => $bob, scope => 'users:self',
        claims => { iat => time + 5 })->get($SESSIONS)->status, 200,
        'what is issued after it is good');
    $t->sql('DELETE FROM auth.credential WHERE user_id = ?', $bob);
    wait_until { refused($t->client(sub => $bob, scope => 'users:self')) }
        'deleted: nothing is', 1;
};


problem_is($anyone->get($SESSIONS), 401, 'unauthorized');
problem_is($t->client(scope => 'nothing')->get($SESSIONS), 403,
           'insufficient-scope');
json_is($t->client(scope => 'users:self')->get($SESSIONS), 200,
        { items => [] }, 'a subject that is no user has none');

done_testing;
