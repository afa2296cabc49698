#!/usr/bin/perl
# Second factors: TOTP and recovery codes at login, step-up, and what a
# guesser gets.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use MIME::Base64 qw(decode_base64url);

my $PASSWORD = 'correct horse battery staple';

my $t = Carmen::Test->new(
    domains => ['auth', 'users'],
    log_level => 'info',
    main => 'thread_pool passwords threads=2;',
    server => <<'END',
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        carmen_auth_bcrypt_cost 4;
        carmen_auth_thread_pool passwords;
END
);
my $c = $t->client;
my $ME = '/api/v1/users/me/mfa';


sub account
{
    my ($login) = @_;
    my $hash = crypt $PASSWORD, '$2b$04$abcdefghijklmnopqrstuu';

    return $t->sql(<<"END");
        WITH id AS MATERIALIZED (SELECT core.uuid7() AS id),
        made AS MATERIALIZED (SELECT auth.credential_create('demo', id,
            '$login', '$hash', '{customer}') FROM id)
        SELECT id FROM id, made
END
}

my $address = 0;
sub from { (headers => { 'X-Real-IP' => $_[0]
    // '198.51.100.' . ++$address % 250 }) }

sub login
{
    my ($login, $from) = @_;
    return $c->post('/api/v1/auth/login', from($from),
        json => { email => $login, password => $PASSWORD });
}

sub prove
{
    my ($token, $method, $code, $from) = @_;
    return $c->post('/api/v1/auth/mfa', from($from),
        json => { challenge_token => $token, method => $method,
                  code => $code });
}

sub as { $c->with(token => $_[0]->json->{access_token}) }
sub claims { from_json(decode_base64url((split /\./,
    $_[0]->json->{access_token})[1])) }

# Debian's oathtool, at a number of seconds from now.

sub code
{
    my ($secret, $seconds) = @_;
    my $when = '@' . (time + ($seconds // 0));
    my $code = `oathtool --totp -b -N '$when' '$secret'`;
    chomp $code;
    return $code;
}

# A TOTP is good once; the test does not wait for the next.

sub forget { $t->sql('UPDATE auth.totp SET last_step = 0') }

# A user with a TOTP: secret and recovery codes.

sub enrol
{
    my ($user) = @_;
    my $r = $user->post("$ME/totp");
    is($r->status, 200, 'an enrolment begins') or diag($r->body);
    my $secret = $r->json->{secret};
    my $done = $user->post("$ME/totp/confirm",
        json => { code => code($secret) });
    is($done->status, 200, 'and is confirmed') or diag($done->body);
    forget();
    return ($secret, $done->json->{recoveryCodes});
}

if (system('oathtool --version > /dev/null 2>&1') != 0) {
    plan(skip_all => 'oathtool is not installed');
}

my $ada = account('ada@example.com');
my ($secret, $recovery);

subtest 'enrolment' => sub {
    my $r = login('ada@example.com');
    is($r->status, 200, 'a password is enough') or diag($r->body);
    is(claims($r)->{acr}, 'aal1', 'acr');
    is_deeply(claims($r)->{amr}, ['pwd'], 'amr');
    cmp_ok(abs(claims($r)->{auth_time} - time), '<', 5, 'auth_time');
    my $user = as($r);

    json_is($user->get($ME), 200, { totp => qr{^0?$}, recoveryCodes => 0,
        passkeys => [] }, 'nothing is enrolled');
    problem_is($user->post("$ME/totp/confirm", json => { code => '123456' }),
        409, 'nothing-to-confirm');
    problem_is($user->delete("$ME/totp"), 404, 'not-found');
    problem_is($user->post("$ME/recovery-codes"), 409, 'no-second-factor');
    problem_is($user->post('/api/v1/auth/step-up'), 409, 'no-second-factor');

    $r = $user->post("$ME/totp");
    is($r->header('cache-control'), 'no-store', 'nobody may keep it');
    like($r->json->{secret}, qr/^[A-Z2-7]{32}$/, '160 bits in base32');
    like($r->json->{uri}, qr{^otpauth://totp/carmen\.test%3Aada%40example\.com
        \?secret=[A-Z2-7]{32}&issuer=carmen\.test}x, 'the URI');
    my $wrong = sprintf '%06d', (code($r->json->{secret}) + 1) % 1_000_000;
    problem_is($user->post("$ME/totp/confirm", json => { code => $wrong }),
        422, 'validation-failed');
    is(login('ada@example.com')->status, 200,
        'before it is confirmed it asks for nothing');

    ($secret, $recovery) = enrol($user);
    is(scalar(@$recovery), 10, 'ten recovery codes');
    is(scalar(grep { /^([a-z2-7]{4}-){3}[a-z2-7]{4}$/ } @$recovery), 10,
        'of 80 bits');
    json_is($user->get($ME), 200, { totp => 1, recoveryCodes => 10 },
        'it is enrolled');
    problem_is($user->post("$ME/totp"), 409, 'conflict', 'one is enough');
    is($t->sql("SELECT count(*) FROM auth.recovery_code
                WHERE code_hash IN ('$recovery->[0]')"), 0,
        'no code in clear');
    is($t->sql(q{SELECT string_agg(data->>'kind', ',') FROM core.event
                 WHERE type = 'com.carmen.auth.mail.requested.v1'}),
        'factor-added', 'the user is told by mail');
};


subtest 'a login with TOTP' => sub {
    my $r = login('ada@example.com');
    my $p = problem_is($r, 401, 'mfa-required');
    like($r->header('www-authenticate'), qr/^Bearer /, 'a challenge');
    is($r->header('cache-control'), 'no-store', 'nobody may keep it');
    is_deeply($p->{methods}, ['totp', 'recovery'], 'methods');
    is($p->{expires_in}, 300, 'five minutes');
    is($t->sql("SELECT count(*) FROM auth.mfa_challenge
                WHERE token_hash = '$p->{challenge_token}'"), 0,
        'the token is not kept in clear');

    my $code = code($secret);
    my $done = prove($p->{challenge_token}, 'totp', $code);
    is($done->status, 200, 'the code') or diag($done->body);
    is(claims($done)->{acr}, 'aal2', 'acr');
    is_deeply(claims($done)->{amr}, ['pwd', 'otp', 'mfa'], 'amr');
    is(claims($done)->{sub}, $ada, 'sub');

    my $again = $c->post('/api/v1/auth/refresh', json => {
        refresh_token => $done->json->{refresh_token} });
    is(claims($again)->{acr}, 'aal2', 'acr lasts through a refresh');
    is(claims($again)->{auth_time}, claims($done)->{auth_time},
        'and so does auth_time');

    problem_is(prove($p->{challenge_token}, 'totp', code($secret)), 401,
        'invalid-challenge', 'the challenge is used up');
    $p = login('ada@example.com')->json;
    problem_is(prove($p->{challenge_token}, 'totp', $code), 401,
        'invalid-factor', 'a code is good once');
    problem_is(prove($p->{challenge_token}, 'totp', code($secret, -120)),
        401, 'invalid-factor', 'an old code');
    problem_is(prove($p->{challenge_token}, 'totp', code($secret, 120)),
        401, 'invalid-factor', 'a code of the future');

    forget();
    $p = login('ada@example.com')->json;
    is(prove($p->{challenge_token}, 'totp', code($secret, -28))->status, 200,
        'a clock that is slow');
    forget();
    $p = login('ada@example.com')->json;
    is(prove($p->{challenge_token}, 'totp',
        substr($code = code($secret), 0, 3) . ' ' . substr($code, 3))->status,
        200, 'with a space');
};


subtest 'recovery codes' => sub {
    my $p = login('ada@example.com')->json;
    my $r = prove($p->{challenge_token}, 'recovery',
        uc($recovery->[0]) =~ tr/-/ /r);
    is($r->status, 200, 'in capitals and with spaces') or diag($r->body);
    is(claims($r)->{acr}, 'aal2', 'acr');
    json_is(as($r)->get($ME), 200, { recoveryCodes => 9 }, 'nine are left');

    $p = login('ada@example.com')->json;
    problem_is(prove($p->{challenge_token}, 'recovery', $recovery->[0]), 401,
        'invalid-factor', 'a code is good once');
    problem_is(prove($p->{challenge_token}, 'recovery', 'x'), 401,
        'invalid-factor', 'no code at all');

    my $user = as($r);
    my $new = $user->post("$ME/recovery-codes");
    is(scalar(@{ $new->json->{recoveryCodes} }), 10, 'ten new ones');
    problem_is(prove($p->{challenge_token}, 'recovery', $recovery->[1]), 401,
        'invalid-factor', 'the old ones are void');
    $recovery = $new->json->{recoveryCodes};
    is(prove($p->{challenge_token}, 'recovery', $recovery->[1])->status, 200,
        'the new ones hold');
};


subtest 'guessing' => sub {
    my $p = login('ada@example.com')->json;
    forget();
    problem_is(prove($p->{challenge_token}, 'totp', '000000',
        "203.0.113.$_"), 401, 'invalid-factor', "guess $_") for 1 .. 5;
    problem_is(prove($p->{challenge_token}, 'totp', code($secret)), 401,
        'invalid-challenge', 'a challenge is for five attempts');

    $p = login('ada@example.com')->json;
    prove($p->{challenge_token}, 'totp', '000000', '203.0.113.99')
        for 1 .. 4;
    $p = login('ada@example.com')->json;
    my $r = prove($p->{challenge_token}, 'totp', '000000', '203.0.113.99');
    problem_is($r, 429, 'too-many-requests', 'an address must wait');
    like($r->header('retry-after'), qr/^\d+$/, 'some seconds');

    $t->sql('UPDATE auth.totp SET failures = 100');
    $p = login('ada@example.com')->json;
    is_deeply($p->{methods}, ['recovery'], 'after 100 failures TOTP rests');
    problem_is(prove($p->{challenge_token}, 'totp', code($secret)), 401,
        'invalid-factor', 'even when it is right');
    is(prove($p->{challenge_token}, 'recovery', $recovery->[2])->status, 200,
        'a recovery code');
    is_deeply(login('ada@example.com')->json->{methods},
        ['totp', 'recovery'], 'wakes it');

    problem_is(prove($_, 'totp', '000000'), 401, 'invalid-challenge',
        'a token that is none') for 'x', 'demo.' . '-' x 43, 'demo.';
    $p = login('ada@example.com')->json;
    problem_is(prove('other' . substr($p->{challenge_token}, 4), 'totp',
        code($secret)), 401, 'invalid-challenge', 'of another tenant');
    $t->sql("UPDATE auth.mfa_challenge SET expires_ts = now()");
    problem_is(prove($p->{challenge_token}, 'totp', code($secret)), 401,
        'invalid-challenge', 'an expired one');
    problem_is($c->post('/api/v1/auth/refresh', json => {
        refresh_token => $p->{challenge_token} }), 401,
        'invalid-refresh-token', 'it is no refresh token');

    $p = login('ada@example.com')->json;
    my @r = do {
        forget();
        my $code = code($secret);
        $c->all(map { [POST => '/api/v1/auth/mfa', from("192.0.2.$_"),
            json => { challenge_token => $p->{challenge_token},
                      method => 'totp', code => $code }] } 1 .. 4);
    };
    is(scalar(grep { $_->status == 200 } @r), 1, 'of four at once one is in');
};


subtest 'step-up' => sub {
    my $bob = account('bob@example.com');
    my $weak = as(login('bob@example.com'));
    my $strong = as(login('bob@example.com'));
    my ($secret) = enrol($strong);

    my $r = $weak->delete("$ME/totp");
    my $p = problem_is($r, 401, 'step-up-required');
    like($r->header('www-authenticate'),
        qr/error="insufficient_user_authentication"/, 'RFC 9470');
    is($p->{acr_values}, 'aal2', 'acr_values');
    is($p->{max_age}, 900, 'max_age');

    $r = $weak->post('/api/v1/auth/step-up');
    json_is($r, 200, { methods => ['totp', 'recovery'], expires_in => 300 },
        'a challenge');
    my $done = prove($r->json->{challenge_token}, 'totp', code($secret));
    is($done->status, 200, 'raises') or diag($done->body);
    is(claims($done)->{acr}, 'aal2', 'the session');
    is_deeply(claims($done)->{amr}, ['mfa', 'otp', 'pwd'], 'amr');
    is(claims($done)->{sid}, from_json(decode_base64url((split /\./,
        $weak->{token})[1]))->{sid}, 'the same session');

    $t->sql("UPDATE auth.session SET auth_ts = now() - interval '16 min'");
    problem_is(as($done)->delete("$ME/totp"), 401, 'step-up-required',
        'a strong login of long ago');
    forget();
    $r = as($done)->post('/api/v1/auth/step-up');
    $done = prove($r->json->{challenge_token}, 'totp', code($secret));
    cmp_ok(abs(claims($done)->{auth_time} - time), '<', 5, 'auth_time');

    $r = $weak->post('/api/v1/auth/step-up');
    is($weak->post('/api/v1/auth/logout')->status, 204, 'a logout');
    forget();
    problem_is(prove($r->json->{challenge_token}, 'totp', code($secret)),
        401, 'invalid-challenge', 'ends what the session had begun');

    my $p2 = login('bob@example.com')->json;
    forget();
    $done = prove($p2->{challenge_token}, 'totp', code($secret));
    is(as($done)->delete("$ME/totp")->status, 204, 'TOTP is removed');
    is($t->sql("SELECT count(*) FROM auth.recovery_code
                WHERE user_id = '$bob'"), 0, 'the recovery codes with it');
    is(login('bob@example.com')->status, 200, 'the password is enough again');

    problem_is($t->client(sub => $bob, scope => 'users:self')
        ->post("$ME/totp"), 401, 'step-up-required', 'without a session');
    problem_is($t->client(sub => $bob, scope => 'users:self',
        sid => claims($done)->{sid}, tenant => 'acme')->post("$ME/totp"),
        401, 'step-up-required', 'in another tenant');
    problem_is($t->client(sub => $ada, scope => 'users:self',
        sid => claims($done)->{sid})->post("$ME/totp"), 401,
        'step-up-required', 'with the session of another');
    problem_is($c->get($ME), 401, 'unauthorized', 'nobody');
};


subtest 'a disabled account' => sub {
    my $eve = account('eve@example.com');
    my ($secret) = enrol(as(login('eve@example.com')));
    my $p = login('eve@example.com')->json;
    $t->sql("SELECT auth.credential_disable('demo', '$eve')");
    problem_is(prove($p->{challenge_token}, 'totp', code($secret)), 401,
        'invalid-factor', 'gets no further');
};

is($t->sql(q{SELECT count(*) > 0 AND bool_and(changes->>'method' <> '')
    FROM core.audit WHERE operation = 'auth.mfa.failed'}), 1,
    'failures are on record');

my $log = $t->nginx->log;
unlike($log, qr/\Q$secret\E|demo\.[\w-]{43}/, 'no secret in the log');

done_testing();
