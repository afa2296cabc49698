# run: alone
# What is revoked is refused by every worker within a second, also under load;
# when nobody can say what is revoked, everything is refused.

use Carmen::Load;
use Carmen::Test;
use MIME::Base64 qw(decode_base64url);
use Time::HiRes qw(sleep time);

my $PASSWORD = 'correct horse battery staple';
my $BOUND = 3;
my $WORKERS = 4;

my $t = Carmen::Test->new(
    private => 1,
    settings => ['synchronous_commit = on', 'full_page_writes = on'],
    workers => $WORKERS,
    domains => ['auth', 'catalog'],
    main => 'thread_pool passwords threads=2;',
    http => "    carmen_auth_revocation_bound ${BOUND}s;\n",
    lanes => 'fast=2 write=2 lease=1 queue=1024 connect_timeout=1s',
    server => <<'END',
        carmen_auth_bcrypt_cost 4;
        carmen_auth_thread_pool passwords;
        add_header X-Worker $pid always;
END
);
my $pg = $t->cluster;
$t->expect(qr/connect\(\) to unix:|\[crit\].*(?:No such file|refused)/,
           qr/exited on signal 9/);

my $hash = crypt $PASSWORD, '$2b$04$abcdefghijklmnopqrstuu';
my $ada = $t->sql(<<"END");
    WITH id AS MATERIALIZED (SELECT core.uuid7() AS id),
    made AS MATERIALIZED (SELECT auth.credential_create('demo', id,
        'ada\@example.com', '$hash', '{customer}') FROM id)
    SELECT id FROM id, made
END

my $anyone = $t->client;
my $path = '/api/v1/products';

sub login
{
    my $r = $anyone->post('/api/v1/auth/login',
        json => { email => 'ada@example.com', password => $PASSWORD });
    die 'login: ' . $r->status . ' ' . $r->body if $r->status != 200;
    return $r->json->{access_token};
}

sub sid { from_json(decode_base64url((split /\./, $_[0])[1]))->{sid} }

# The answers of each worker, asked until all of them have answered.

sub by_worker
{
    my ($token) = @_;
    my %status;

    for (1 .. 400) {
        my $r = $anyone->get($path, token => $token, close => 1);
        $status{ $r->header('x-worker') }{ $r->status }++;
        last if keys %status == $WORKERS;
    }
    return \%status;
}

sub all_answer
{
    my ($token, $status, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $seen = by_worker($token);
    is(scalar keys %$seen, $WORKERS, "$name: all workers were asked");
    is(join(' ', map { join '+', sort keys %{ $seen->{$_} } } keys %$seen),
       join(' ', ($status) x $WORKERS), $name);
}


# Under load, each request on a connection of its own: they spread over the
# workers.

my $token = login();
my $other = login();
all_answer($token, 200, 'a good token');

my $load = Carmen::Load->start($t, 6, sub {
    my ($client) = @_;
    my $r = $client->get($path, token => $token, close => 1);
    return $r->status . ' ' . $r->header('x-worker');
});
my $others = Carmen::Load->start($t, 2, sub {
    my ($client) = @_;
    return $client->get($path, token => $other, close => 1)->status;
});
wait_until { $load->read > 300 } 'the load runs';

my $r = $anyone->delete('/api/v1/auth/sessions/' . sid($token),
                        token => $other);
is($r->status, 204, 'the session is ended, from another one')
    or diag($r->body);
my $ended = time;
my $before = $load->read;
wait_until { time > $ended + 1.5 && $load->read > $before + 300 }
    'the load goes on';

my (%last, %refused);
for ($load->stop) {
    my ($start, $elapsed, $status, $worker) = ($_->[0], $_->[1],
        split ' ', $_->[2]);
    $last{$worker} = $start if $status eq 200;
    $refused{$worker}++ if $status eq 401;
    fail("an odd answer: $_->[2]") if $status !~ /^(?:200|401)$/;
}
is(scalar keys %refused, $WORKERS, 'every worker has refused it');
my ($latest) = sort { $b <=> $a } values %last;
cmp_ok($latest - $ended, '<', 1, sprintf
       'the last one to take it did so %.0f ms after the answer',
       1000 * ($latest - $ended));
my %count;
$count{ $_->[2] }++ for $others->stop;
is(join(' ', keys %count), 200, 'the other session was not disturbed');

problem_is($anyone->get($path, token => $token), 401, 'invalid-token');
like($anyone->get($path, token => $token)->header('www-authenticate'),
     qr/error="invalid_token".*revoked/, 'with its reason');


# Workers come and go; what is revoked stays so.

my ($victim) = $t->nginx->workers;
kill 'KILL', $victim;
wait_until {
    my @now = $t->nginx->workers;
    @now == $WORKERS && !grep { $_ == $victim } @now;
} 'a worker was killed and another started';
all_answer($token, 401, 'the revoked one after that');
all_answer($other, 200, 'the good one after that');

$t->nginx->reload;
all_answer($token, 401, 'the revoked one after a reload');
all_answer($other, 200, 'the good one after a reload');

$t->nginx->stop;
$t->nginx->start;
all_answer($token, 401, 'the revoked one after a restart, from the table');
all_answer($other, 200, 'the good one after a restart');


# Every kind of mark.

my %kind = (
    token => ['jti', jti => 'the-jti'],
    session => ['sid', sid => 'the-sid'],
    user => ['sub', sub => 'the-sub'],
    client => ['client_id', client_id => 'the-client'],
);
for my $kind (sort keys %kind) {
    my ($claim, %claims) = @{ $kind{$kind} };
    my %with = (scope => 'catalog:read', %claims);
    my $c = $t->client(%with);
    my $elsewhere = $t->client(%with, tenant => 'acme');

    is($c->get($path)->status, 200, "$kind: good");
    $t->sql("SELECT auth.revoke('demo', '$kind', '$claims{$claim}')");
    wait_until { $c->get($path)->status == 401 } "$kind: revoked", 1;
    is($elsewhere->get($path)->status, 200, "$kind: not in another tenant");
}

my $now = time;
my @by_age = map {
    $t->client(sub => 'u2', scope => 'catalog:read',
               claims => { iat => int($now + $_) })
} -20, 10;
is($_->get($path)->status, 200, 'good') for @by_age;
$t->sql("SELECT auth.revoke('demo', 'user', 'u2', now())");
wait_until { $by_age[0]->get($path)->status == 401 }
    'until now: what was issued before', 1;
is($by_age[1]->get($path)->status, 200, 'not what was issued after');


# The feed is cut: first only the connections that listen.

sub cut
{
    $t->sql('ALTER DATABASE "' . $t->database->name
            . '" CONNECTION LIMIT 0');
    $t->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = 'carmen_app' AND query LIKE 'LISTEN%'
           OR usename = 'carmen_app' AND query = ''});
}

sub mend
{
    $t->sql('ALTER DATABASE "' . $t->database->name
            . '" CONNECTION LIMIT -1');
}

my $listening = $t->sql(q{SELECT count(*) FROM pg_stat_activity
    WHERE usename = 'carmen_app' AND (query LIKE 'LISTEN%' OR query = '')});
is($listening, $WORKERS, 'a connection a worker listens');

my $third = login();
my $steady = Carmen::Load->start($t, 2, sub {
    my ($client) = @_;
    return $client->get($path, token => $other, close => 1)->status;
});
my $cut = time;
cut();
wait_until { $anyone->get($path, token => $other)->status == 503 }
    'cut off: it fails closed', $BOUND + 5;
my $closed = time - $cut;
problem_is($anyone->get($path, token => $other), 503, 'database-unavailable',
           'with a problem');
ok($anyone->get($path, token => $other)->header('retry-after'),
   'and a Retry-After');
is($anyone->get('/health/live')->status, 200, 'nginx lives');
is($anyone->post('/api/v1/auth/login', json => { email => 'ada@example.com',
   password => $PASSWORD })->status, 200, 'who has no token may log in');
cmp_ok($closed, '>=', $BOUND - 1.5, 'not before the bound')
    or diag("$closed s");
cmp_ok($closed, '<=', $BOUND + 1.5, 'nor long after it') or diag("$closed s");
all_answer($other, 503, 'in every worker');

# What is revoked meanwhile is known when it opens again.

$t->sql(q{SELECT auth.session_end('demo', session_id, 'revoked', 'test')
    FROM auth.session WHERE session_id = ?}, sid($third));
mend();
wait_until { $anyone->get($path, token => $other)->status == 200 }
    'it opens by itself', 20;
is($anyone->get($path, token => $third)->status, 401,
   'and knows what was revoked in the dark');
all_answer($third, 401, 'in every worker');
my %seen;
$seen{ $_->[2] }++ for $steady->stop;
is(join(' ', sort keys %seen), '200 503', 'nothing but 200 and 503 meanwhile');


# One worker that hears is enough for all.

wait_until { $t->sql(q{SELECT count(*) FROM pg_stat_activity
    WHERE usename = 'carmen_app' AND (query LIKE 'LISTEN%' OR query = '')})
    == $WORKERS } 'all listen again', 20;
$t->sql('ALTER DATABASE "' . $t->database->name . '" CONNECTION LIMIT 0');
$t->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE usename = 'carmen_app' AND (query LIKE 'LISTEN%' OR query = '')
      AND pid <> (SELECT min(pid) FROM pg_stat_activity
        WHERE usename = 'carmen_app'
          AND (query LIKE 'LISTEN%' OR query = ''))});
my $until = time + $BOUND + 1;
my $fourth = login();
wait_until { time > $until } 'the bound passes';
all_answer($fourth, 200, 'one that hears keeps all going');
$t->sql(q{SELECT auth.session_end('demo', session_id, 'revoked', 'test')
    FROM auth.session WHERE session_id = ?}, sid($fourth));
wait_until { $anyone->get($path, token => $fourth)->status == 401 }
    'and tells all', 1;
all_answer($fourth, 401, 'in every worker');
mend();


# Then the whole server.

$pg->stop('immediate');
wait_until { ($anyone->get($path, token => $other)->header('content-type')
              // '') =~ /problem/ } 'PostgreSQL is gone';
$until = time + $BOUND + 1;
wait_until { time > $until } 'the bound passes';
all_answer($other, 503, 'no answer but 503');
is($anyone->get($path, token => $token)->status, 503,
   'nor for the revoked one');
$pg->start;
wait_until { $anyone->get($path, token => $other)->status == 200 }
    'PostgreSQL is back, and so are we', 20;
all_answer($token, 401, 'the revoked one is still refused');


# More marks than there is room for.

$t->nginx->{http} .= "    carmen_auth_revocations 64k;\n";
delete $t->nginx->{template};
$t->nginx->stop;
$t->nginx->start;
my $fresh = $t->client(scope => 'catalog:read',
                       claims => { iat => int(time) + 20 });
is($fresh->get($path)->status, 200, 'a small zone');
$t->sql(q{SELECT auth.revoke('demo', 'token', 'x' || i)
    FROM generate_series(1, 3000) i});
wait_until { $t->nginx->log =~ /no room for more than/ } 'it overflows';
wait_until { $anyone->get($path, token => $other)->status == 401 }
    'what was issued until then is refused';
is($anyone->get($path, token => $token)->status, 401,
   'what was revoked stays so');
is($fresh->get($path)->status, 200, 'what was issued later is good');


# A key that is taken out of the configuration takes its tokens along.

$token = $t->token(alg => 'EdDSA', scope => 'catalog:read',
                   claims => { iat => int(time) + 20 });
all_answer($token, 200, 'a token of a key');
my $jwks = from_json(Carmen::Nginx::slurp($t->keys->jwks));
$jwks->{keys} = [grep { $_->{kid} ne 'test-eddsa' } @{ $jwks->{keys} }];
Carmen::Token::write_file($t->keys->jwks, to_json($jwks));
$t->nginx->reload;
all_answer($token, 401, 'the key is gone, and its tokens with it');

done_testing;
