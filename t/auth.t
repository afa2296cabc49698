#!/usr/bin/perl
# Login, refresh and logout, as an honest client and as a guesser see them.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use MIME::Base64 qw(decode_base64url);

my $PASSWORD = 'correct horse battery staple';
my $LONG = 'x' x 100;

# The address of the client is what it says, so that a test can be several.

my $t = Carmen::Test->new(
    domains => ['auth'],
    log_level => 'info',
    main => 'thread_pool passwords threads=2;',
    server => <<'END',
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        carmen_auth_bcrypt_cost 6;
        carmen_auth_thread_pool passwords;
        carmen_auth_refresh_grace 3;
END
);
my $c = $t->client;


sub bcrypt
{
    my ($password, $cost) = @_;
    return crypt $password,
        sprintf '$2b$%02d$abcdefghijklmnopqrstuu', $cost // 6;
}


sub account
{
    my ($login, %with) = @_;
    my $tenant = $with{tenant} // 'demo';
    my $hash = bcrypt($with{password} // $PASSWORD, $with{cost});
    my $roles = $with{roles} // 'customer';

    return $t->sql(<<"END");
        WITH id AS MATERIALIZED (SELECT core.uuid7() AS id),
        made AS MATERIALIZED (SELECT auth.credential_create('$tenant', id,
            '$login', '$hash', '{$roles}') FROM id)
        SELECT id FROM id, made
END
}


my $address = 0;

sub login
{
    my ($login, $password, %with) = @_;
    my $from = delete $with{from} // '198.51.100.' . ++$address % 250;
    my %body = (email => $login, password => $password, %with);

    return $c->post('/api/v1/auth/login', json => \%body,
                    headers => { 'X-Real-IP' => $from });
}


sub refresh
{
    my ($token, %headers) = @_;
    return $c->post('/api/v1/auth/refresh',
                    json => { refresh_token => $token },
                    headers => { 'User-Agent' => 'test', %headers });
}


sub claims { from_json(decode_base64url((split /\./, $_[0])[1])) }
sub header { from_json(decode_base64url((split /\./, $_[0])[0])) }


my $ada = account('Ada@Example.com', roles => 'customer,sales');

subtest 'a login' => sub {
    my $r = login('ADA@example.com', $PASSWORD);
    is($r->status, 200, 'the right password') or diag($r->body);
    is($r->header('cache-control'), 'no-store', 'nobody may keep it');

    my $tokens = $r->json;
    is($tokens->{token_type}, 'Bearer', 'token_type');
    is($tokens->{expires_in}, 600, 'expires_in');
    is($tokens->{scope}, 'catalog:read inventory:read inventory:reserve '
        . 'orders:manage orders:price orders:read orders:write users:self',
        'the scopes of both roles');

    my $header = header($tokens->{access_token});
    is($header->{typ}, 'at+jwt', 'typ');
    is($header->{alg}, 'ES256', 'alg');
    my ($key) = grep { $_->{kid} eq $header->{kid} }
        @{ $c->get('/.well-known/jwks.json')->json->{keys} };
    is($key->{kty}, 'EC', 'the key is published under its kid');

    my $claims = claims($tokens->{access_token});
    is($claims->{iss}, $Carmen::Token::ISSUER, 'iss');
    is($claims->{aud}, $Carmen::Token::AUDIENCE, 'aud');
    is($claims->{sub}, $ada, 'sub');
    is($claims->{tenant}, 'demo', 'tenant');
    is($claims->{client_id}, 'carmen', 'client_id');
    is($claims->{scope}, $tokens->{scope}, 'scope');
    is_deeply($claims->{roles}, ['customer', 'sales'], 'roles');
    is($claims->{exp} - $claims->{iat}, 600, 'exp');
    cmp_ok(abs($claims->{iat} - time), '<', 5, 'iat');
    like($claims->{jti}, qr/^[\w-]{22}$/, 'jti');
    uuid_ok($claims->{sid}, 'sid');

    is($t->sql("SELECT end_reason IS NULL AND address <> '' FROM auth.session
                WHERE session_id = '$claims->{sid}'"), 1, 'the session');
    is($t->sql("SELECT count(*) FROM core.audit
                WHERE operation = 'auth.login.succeeded'
                  AND reference_value = '$claims->{sid}'"), 1, 'its audit');
    is($t->sql("SELECT count(*) FROM core.event
                WHERE subject = '$claims->{sid}'
                  AND type = 'com.carmen.auth.session.started.v1'"), 1,
        'its event');
    is($t->sql("SELECT count(*) FROM auth.refresh_token
                WHERE token_hash = '$tokens->{refresh_token}'"), 0,
        'the refresh token is not kept in clear');

    my $again = $c->post('/api/v1/auth/login',
        json => { username => 'ada@example.com', password => $PASSWORD });
    is($again->status, 200, 'with username instead of email');
    isnt(claims($again->json->{access_token})->{jti}, $claims->{jti},
        'each token has a jti of its own');
};


subtest 'a refused login says nothing' => sub {
    my $eve = account('eve@example.com');
    $t->sql("SELECT auth.credential_disable('demo', '$eve')");

    my %seen;
    for my $try (['ada@example.com', 'wrong'], ['nobody@example.com', 'any'],
                 ['eve@example.com', $PASSWORD])
    {
        my $r = login(@$try);
        problem_is($r, 401, 'invalid-credentials', $try->[0]);
        like($r->header('www-authenticate'), qr/^Bearer /, 'a challenge');
        (my $body = $r->body) =~ s/"instance":"[^"]*"//;
        $seen{$body}++;
    }
    is(keys %seen, 1, 'wrong, unknown and disabled look the same');

    is_deeply([ map { $_->{reference_value} } $t->rows("SELECT reference_value
        FROM core.audit WHERE operation = 'auth.login.failed' ORDER BY id") ],
        [$ada, 'unknown', $eve], 'the audit knows better');

    my %time;
    for (1 .. 5) {
        for my $who ('ada', 'nobody') {
            my $r = login("$who\@example.com", 'wrong');
            push @{ $time{$who} }, $r->elapsed;
        }
    }
    my ($known, $unknown) = map { (sort { $a <=> $b } @{ $time{$_} })[2] }
        qw(ada nobody);
    cmp_ok($unknown, '>', $known / 3, 'an unknown account takes its time');
    cmp_ok($unknown, '<', $known * 3, 'but no longer');
};


subtest 'brakes on guessing' => sub {
    account('carl@example.com');
    my $guesser = '203.0.113.9';
    is(login('carl@example.com', $PASSWORD, from => '192.0.2.1')->status, 200,
        'Carl logs in from home');

    problem_is(login('carl@example.com', "wrong $_", from => $guesser), 401,
        'invalid-credentials', "guess $_") for 1 .. 4;

    my $r = login('carl@example.com', 'wrong', from => $guesser);
    problem_is($r, 429, 'too-many-requests', 'guess 5 must wait');
    is($r->header('retry-after'), 1, 'a second');
    unlike($r->head, qr/retry-after.*retry-after/is, 'said once');
    is(login('carl@example.com', $PASSWORD, from => $guesser)->status, 429,
        'nor may it be right');

    is(login('carl@example.com', $PASSWORD, from => '192.0.2.1')->status, 200,
        'Carl is not locked out at home');
    is(login('carl@example.com', $PASSWORD, from => '192.0.2.2')->status, 200,
        'nor elsewhere');
    is(login('ada@example.com', $PASSWORD, from => $guesser)->status, 200,
        'nor are others at that address');

    wait_until { login('carl@example.com', 'wrong', from => $guesser)->status
                 == 401 } 'after the wait the next guess', 10;
    $r = login('carl@example.com', 'wrong', from => $guesser);
    is($r->status, 429, 'then it waits again');
    cmp_ok($r->header('retry-after'), '>=', 1, 'longer');

    wait_until { login('carl@example.com', $PASSWORD, from => $guesser)
                 ->status == 200 } 'a success', 10;
    is(login('carl@example.com', 'wrong', from => $guesser)->status, 401,
        'forgets the failures');

    problem_is(login('carl@example.com', 'x', from => '2001:db8::1'), 401,
        'invalid-credentials', "IPv6 $_") for 1 .. 4;
    is(login('carl@example.com', 'x', from => '2001:db8::ffff')->status, 429,
        'an IPv6 network counts as one');

    login('carl@example.com', 'wrong', from => "203.0.113.1$_") for 0 .. 5;
    my $late = login('carl@example.com', 'wrong', from => '203.0.113.77');
    is($late->status, 401, 'a stranger to a guessed account');
    cmp_ok($late->elapsed, '>', 0.2, 'gets the answer late');
    cmp_ok(login('carl@example.com', $PASSWORD, from => '192.0.2.1')->elapsed,
        '<', $late->elapsed, 'Carl at home does not');
};


subtest 'refresh' => sub {
    my $first = login('ada@example.com', $PASSWORD)->json;
    my $sid = claims($first->{access_token})->{sid};

    my $r = refresh($first->{refresh_token});
    is($r->status, 200, 'a refresh') or diag($r->body);
    is($r->header('cache-control'), 'no-store', 'nobody may keep it');
    my $second = $r->json;
    isnt($second->{refresh_token}, $first->{refresh_token}, 'rotates');
    is(claims($second->{access_token})->{sid}, $sid, 'in the same session');
    is(claims($second->{access_token})->{sub}, $ada, 'for the same user');
    is($second->{scope}, $first->{scope}, 'with the same scope');

    $t->sql("SELECT auth.roles_set('demo', '$ada', '{read-only}')");
    $second = refresh($first->{refresh_token})->json;
    is($second->{scope}, 'catalog:read inventory:read orders:read users:read',
        'a repetition within the grace, with the roles of now');
    my $third = refresh($second->{refresh_token})->json;
    ok($third->{refresh_token}, 'its child is used');

    problem_is(refresh($first->{refresh_token}), 401, 'invalid-refresh-token',
        'the first again is a theft');
    problem_is(refresh($third->{refresh_token}), 401, 'invalid-refresh-token',
        'which ends the session');
    is($t->sql("SELECT end_reason FROM auth.session
                WHERE session_id = '$sid'"), 'reuse', 'for that reason');

    $first = login('ada@example.com', $PASSWORD)->json;
    is(refresh($first->{refresh_token})->status, 200, 'another session');
    problem_is(refresh($first->{refresh_token}, 'User-Agent' => 'other'), 401,
        'invalid-refresh-token', 'the grace is for the same client');

    $first = login('ada@example.com', $PASSWORD)->json;
    is(refresh($first->{refresh_token})->status, 200, 'a third session');
    my $until = time + 4;
    wait_until { time >= $until } 'the grace passes', 10;
    problem_is(refresh($first->{refresh_token}), 401, 'invalid-refresh-token',
        'the grace is over');

    $first = login('ada@example.com', $PASSWORD)->json;
    my @r = $c->all(map { [POST => '/api/v1/auth/refresh',
        json => { refresh_token => $first->{refresh_token} }] } 1 .. 8);
    is(scalar(grep { $_->status == 200 } @r), 8,
        'eight at once, as from the tabs of a browser');

    my $valid = $first->{refresh_token};
    for my $bad ('x', 'demo.', ".$valid", "$valid=", "other$valid",
                 substr($valid, 0, -1), "$valid.$valid", 'demo.' . '-' x 43,
                 'Demo' . substr($valid, 4))
    {
        problem_is(refresh($bad), 401, 'invalid-refresh-token',
            substr $bad, 0, 12);
    }

    $t->sql("UPDATE auth.session SET expires_ts = now() + interval '90 s'");
    $second = refresh(login('ada@example.com', $PASSWORD)
                      ->json->{refresh_token})->json;
    $sid = claims($second->{access_token})->{sid};
    $t->sql("UPDATE auth.session SET expires_ts = now() + interval '90 s'
             WHERE session_id = '$sid'");
    $third = refresh($second->{refresh_token})->json;
    cmp_ok($third->{expires_in}, '<=', 90,
        'an access token does not outlive its session');
    $t->sql("UPDATE auth.session SET expires_ts = now()");
    problem_is(refresh($third->{refresh_token}), 401, 'invalid-refresh-token',
        'nor does a refresh token');
};


subtest 'logout' => sub {
    my $tokens = login('ada@example.com', $PASSWORD)->json;
    my $user = $c->with(token => $tokens->{access_token});
    my $sid = claims($tokens->{access_token})->{sid};

    my $r = $user->post('/api/v1/auth/logout');
    is($r->status, 204, 'logout');
    is($r->body, '', 'without a body');
    is($t->sql("SELECT end_reason FROM auth.session
                WHERE session_id = '$sid'"), 'logout', 'the session is over');
    problem_is(refresh($tokens->{refresh_token}), 401,
        'invalid-refresh-token', 'no refresh after it');
    wait_until { $user->post('/api/v1/auth/logout')->status == 401 }
        'nor is the access token good', 1;
    problem_is($c->post('/api/v1/auth/logout'), 401, 'unauthorized',
        'nobody logs out');
    is($t->client(sub => 'x')->post('/api/v1/auth/logout')->status, 204,
        'a token without a session');
};


subtest 'tenants' => sub {
    account('ada@example.com', tenant => 'acme', password => 'another one');

    my $r = login('ada@example.com', 'another one', tenant => 'acme');
    is($r->status, 200, 'the Ada of acme') or diag($r->body);
    is(claims($r->json->{access_token})->{tenant}, 'acme', 'tenant');
    like($r->json->{refresh_token}, qr/^acme\./, 'refresh finds it, too');
    $r = refresh($r->json->{refresh_token});
    is(claims($r->json->{access_token})->{tenant}, 'acme', 'after a refresh');
    problem_is(login('ada@example.com', 'another one'), 401,
        'invalid-credentials', 'not here');
    problem_is(login('ada@example.com', $PASSWORD, tenant => 'acme'), 401,
        'invalid-credentials', 'nor the other way round');
    problem_is(login('ada@example.com', $PASSWORD, tenant => 'nowhere'), 401,
        'invalid-credentials', 'a tenant that is not there');
};


subtest 'hashes' => sub {
    my $old = account('old@example.com', cost => 4);
    is(login('old@example.com', $PASSWORD)->status, 200, 'an old hash');
    like($t->sql("SELECT password_hash FROM auth.credential
                  WHERE user_id = '$old'"), qr/^\$2b\$06\$/,
        'is replaced at login');
    is(login('old@example.com', $PASSWORD)->status, 200, 'the new one fits');

    my $dear = account('dear@example.com', cost => 7);
    is(login('dear@example.com', $PASSWORD)->status, 200, 'a dearer hash');
    like($t->sql("SELECT password_hash FROM auth.credential
                  WHERE user_id = '$dear'"), qr/^\$2b\$07\$/, 'stays');

    account('umlaut@example.com', password => "gr\xc3\xbcn");
    is($c->post('/api/v1/auth/login', body => '{"email":"umlaut@example.com",'
        . "\"password\":\"gr\xc3\xbcn\"}")->status, 200, 'UTF-8');
    is($c->post('/api/v1/auth/login', body => '{"email":"umlaut@example.com",'
        . '"password":"gr\u00fcn"}')->status, 200, 'or escaped');
};


subtest 'malformed' => sub {
    my $path = '/api/v1/auth/login';

    problem_is($c->post($path, json => {}), 422, 'validation-failed');
    problem_is($c->post($path, json => { email => 'a' }), 422,
        'validation-failed', 'no password');
    my $p = problem_is($c->post($path, json => { password => 'a' }), 422,
        'validation-failed', 'no name');
    is($p->{errors}[0]{pointer}, '/username', 'where');
    problem_is($c->post($path, json => { email => 'a', username => 'b',
        password => 'c' }), 422, 'validation-failed', 'two names');
    problem_is($c->post($path, json => { email => 'a', password => 'b',
        admin => 1 }), 422, 'validation-failed', 'an unknown field');
    problem_is($c->post($path, json => { email => 'a', password => ['b'] }),
        422, 'validation-failed', 'a list as password');
    problem_is($c->post($path, json => { email => 'a', password => '' }), 422,
        'validation-failed', 'an empty password');
    problem_is($c->post($path, json => { email => 'a',
        password => 'x' x 257 }), 422, 'validation-failed', 'a long password');
    problem_is($c->post($path, json => { email => 'a', password => 'b',
        tenant => '../etc' }), 422, 'validation-failed', 'a bad tenant');
    problem_is($c->post($path, body => '{"email":"a","password":"b\u0000"}'),
        400, 'invalid-json', 'a NUL');
    problem_is($c->post($path, body => '{"email":"a","email":"b",'
        . '"password":"c"}'), 400, 'invalid-json', 'a repeated member');
    problem_is($c->get($path), 405, 'method-not-allowed');
    problem_is($c->post('/api/v1/auth/refresh', json => {}), 422,
        'validation-failed');
};


subtest 'a crowd' => sub {
    my $login = [POST => '/api/v1/auth/login', json =>
        { email => 'dear@example.com', password => $PASSWORD }];
    my %status;
    $status{ $_->status }++ for $c->all(($login) x 40);
    is($status{200} + ($status{503} // 0), 40, 'all are answered');
    cmp_ok($status{200}, '>=', 16, 'a fair share with tokens');

    my $s = $c->send_raw($c->format(@$login));
    close $s;
    is($c->get('/health/live')->status, 200,
        'a client that leaves in the middle of it does no harm');
};


my $log = $t->nginx->log;
unlike($log, qr/\Q$PASSWORD\E|\$2b\$/, 'no password and no hash in the log');
unlike($log, qr/eyJ/, 'no token in the log');
unlike($log, qr/demo\.[\w-]{43}/, 'no refresh token in the log');

done_testing();
