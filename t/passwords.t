#!/usr/bin/perl
# Passwords are changed, forgotten and reset; addresses verified; hashes go
# to argon2id as their owners log in; bad passwords are refused by a list.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use MIME::Base64 qw(decode_base64url);

my $PASSWORD = 'correct horse battery staple';
my $NEW = 'another good long one';

my $t = Carmen::Test->new(
    domains => ['auth', 'users'],
    no_start => 1,
    log_level => 'info',
    main => 'thread_pool passwords threads=2;',
);
my $dir = $t->nginx->dir;
Carmen::Token::write_file("$dir/blocklist",
    "hunter2hunter2\r\nTr0ub4dor&3\n\nlast line without end");
$t->nginx->{server} = <<"END";
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        carmen_auth_bcrypt_cost 4;
        carmen_auth_thread_pool passwords;
        carmen_auth_password_hash argon2id memory=2m passes=2;
        carmen_auth_password_blocklist $dir/blocklist;
END
$t->nginx->start;
my $c = $t->client;


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
sub post { $c->post("/api/v1$_[0]", from(), json => $_[1]) }
sub login { post('/auth/login', { email => $_[0], password => $_[1] }) }
sub as { $c->with(token => $_[0]->json->{access_token}) }
sub sid { from_json(decode_base64url((split /\./,
    $_[0]->json->{access_token})[1]))->{sid} }
sub hash { $t->sql("SELECT password_hash FROM auth.credential
                    WHERE login = '$_[0]'") }
sub change
{
    my ($user, $old, $new, $from) = @_;
    return $user->post('/api/v1/users/me/password', from($from),
        json => { currentPassword => $old, newPassword => $new });
}

# What a mailer would have got, the last of its kind.

sub mail
{
    my ($kind, $to) = @_;
    my ($data) = $t->sql("SELECT data FROM core.event
        WHERE type = 'com.carmen.auth.mail.requested.v1'
          AND data->>'kind' = '$kind' AND data->>'to' = '$to'
        ORDER BY position DESC LIMIT 1");
    return $data ? from_json($data) : undef;
}


subtest 'hashes' => sub {
    account('ada@example.com');
    like(hash('ada@example.com'), qr/^\$2b\$04\$/, 'bcrypt');
    problem_is(login('ada@example.com', 'wrong'), 401,
        'invalid-credentials');
    like(hash('ada@example.com'), qr/^\$2b\$04\$/, 'a failure leaves it');
    is(login('ada@example.com', $PASSWORD)->status, 200, 'a login');
    my $hash = hash('ada@example.com');
    like($hash, qr/^\$argon2id\$v=19\$m=2048,t=2,p=1\$/, 'makes it argon2id');
    is(login('ada@example.com', $PASSWORD)->status, 200, 'which fits');
    is(hash('ada@example.com'), $hash, 'and stays');
    problem_is(login('ada@example.com', 'wrong'), 401,
        'invalid-credentials');
    problem_is(login('nobody@example.com', $PASSWORD), 401,
        'invalid-credentials');

    $t->nginx->{server} =~ s/memory=2m/memory=4m/;
    $t->nginx->reload;
    is(login('ada@example.com', $PASSWORD)->status, 200, 'more memory');
    like(hash('ada@example.com'), qr/m=4096,t=2/, 'is used from then on');

    my $r = $c->post('/api/v1/users', key => 'grace', json => {
        email => 'grace@example.com', password => $PASSWORD x 4 });
    is($r->status, 201, 'a registration') or diag($r->body);
    like(hash('grace@example.com'), qr/^\$argon2id\$/, 'is argon2id');
    is(login('grace@example.com', $PASSWORD x 4)->status, 200,
        'of all of a long password');
    problem_is(login('grace@example.com', $PASSWORD x 3), 401,
        'invalid-credentials');
};


subtest 'the list' => sub {
    my $n = 0;
    for my $bad ('hunter2hunter2', 'HUNTER2hunter2', 'tr0ub4dor&3',
                 'last line without end', 'password123', 'eve@example.com')
    {
        problem_is($c->post('/api/v1/users', key => 'b' . ++$n, json => {
            email => 'eve@example.com', password => $bad }), 422,
            'weak-password', $bad);
    }
    is($c->post('/api/v1/users', key => 'eve', json => {
        email => 'eve@example.com', password => 'hunter2hunter3' })->status,
        201, 'one that is not on it');
};


subtest 'change' => sub {
    my $id = account('bob@example.com');
    my $here = login('bob@example.com', $PASSWORD);
    my $there = login('bob@example.com', $PASSWORD);
    my $user = as($here);

    problem_is(change($user, 'wrong', $NEW), 401, 'invalid-credentials');
    problem_is(change($user, $PASSWORD, 'short'), 422, 'validation-failed');
    problem_is(change($user, $PASSWORD, 'Tr0ub4dor&3'), 422,
        'weak-password');
    problem_is(change($user, $PASSWORD, 'bob@example.com'), 422,
        'weak-password');
    problem_is(change($t->client(sub => $id, scope => 'users:self'),
        $PASSWORD, $NEW), 401, 'step-up-required', 'without a session');

    my $r = change($user, $PASSWORD, $NEW);
    is($r->status, 204, 'a new password') or diag($r->body);
    problem_is(login('bob@example.com', $PASSWORD), 401,
        'invalid-credentials', 'the old one is void');
    is(login('bob@example.com', $NEW)->status, 200, 'the new one fits');
    is($t->sql('SELECT end_reason FROM auth.session WHERE session_id = ?',
        sid($there)), 'password-changed', 'other sessions end');
    is($t->sql('SELECT end_reason FROM auth.session WHERE session_id = ?',
        sid($here)), undef, 'this one does not');
    ok(mail('password-changed', 'bob@example.com'), 'a mail says so');

    change($user, "wrong $_", $NEW, '203.0.113.5') for 1 .. 4;
    problem_is(change($user, 'wrong', $NEW, '203.0.113.5'), 429,
        'too-many-requests', 'a guesser with a session must wait');

    # With a second factor, a session without it is not enough.
    $t->sql("INSERT INTO auth.totp (tenant, user_id, secret, confirmed_ts)
             VALUES ('demo', '$id', 'AAAA', now())");
    problem_is(change($user, $NEW, $PASSWORD), 401, 'step-up-required');
};


subtest 'reset' => sub {
    my $id = account('carl@example.com');
    my $session = login('carl@example.com', $PASSWORD);

    my $r = post('/auth/password/forgot', { email => 'Carl@Example.com' });
    is($r->status, 202, 'forgotten') or diag($r->body);
    my $known = $r->body;
    my $mail = wait_until { mail('password-reset', 'carl@example.com') }
        'a mail is on its way';
    my $token = $mail->{token};
    like($token, qr/^demo\.[\w-]{43}$/, 'with a token');
    is($mail->{userId}, $id, 'for the user');
    is($t->sql("SELECT count(*) FROM auth.mail_token
                WHERE token_hash = '$token'"), 0, 'that is kept as a hash');
    is($t->sql("SELECT count(*) FROM core.audit
                WHERE changes::text LIKE '%$token%'"), 0,
        'and not in the audit');

    $r = post('/auth/password/forgot', { email => 'nobody@example.com' });
    is($r->status, 202, 'an unknown address');
    is($r->body, $known, 'gets the same answer');
    post('/auth/password/forgot', { email => 'carl@example.com' });
    post('/auth/password/forgot', { email => 'ada@example.com' });
    wait_until { mail('password-reset', 'ada@example.com') } 'Ada forgot, too';
    is(mail('password-reset', 'carl@example.com')->{token}, $token,
        'one mail a minute');

    my $reset = sub { post('/auth/password/reset', { token => $_[0],
        password => $_[1] // $NEW }) };
    problem_is($reset->($_), 409, 'invalid-mail-token', 'a token that is none')
        for 'x', 'demo.' . '-' x 43, 'other' . substr($token, 4);
    problem_is($reset->($token, 'password123'), 422, 'weak-password',
        'a bad password does not spend it');
    is($reset->($token)->status, 204, 'a reset');
    problem_is($reset->($token), 409, 'invalid-mail-token', 'once');
    is(login('carl@example.com', $NEW)->status, 200, 'the new password');
    problem_is(login('carl@example.com', $PASSWORD), 401,
        'invalid-credentials', 'the old one');
    is($t->sql('SELECT end_reason FROM auth.session WHERE session_id = ?',
        sid($session)), 'password-reset', 'all sessions end');

    my $ada = mail('password-reset', 'ada@example.com')->{token};
    $t->sql("UPDATE auth.mail_token SET expires_ts = now()");
    problem_is($reset->($ada), 409, 'invalid-mail-token', 'an expired token');

    # What was mailed to one address does not serve another.
    $t->sql("DELETE FROM auth.mail_token");
    post('/auth/password/forgot', { email => 'carl@example.com' });
    my $second = wait_until {
        my $m = mail('password-reset', 'carl@example.com');
        $m->{token} ne $token ? $m->{token} : undef;
    };
    $t->sql("SELECT auth.credential_rename('demo', '$id', 'c\@example.com')");
    problem_is($reset->($second), 409, 'invalid-mail-token',
        'after a change of address');
    problem_is(post('/auth/email/verify', { token => $second }), 409,
        'invalid-mail-token', 'nor is it for something else');
};


subtest 'verification' => sub {
    account('dan@example.com');
    my $user = as(login('dan@example.com', $PASSWORD));
    my $verified = sub { $t->sql("SELECT verified_login = login
        FROM auth.credential WHERE login = 'dan\@example.com'") };

    is($user->post('/api/v1/users/me/email/verification')->status, 202,
        'asked for');
    my $token = mail('email-verification', 'dan@example.com')->{token};
    is($verified->(), undef, 'not yet');
    problem_is(post('/auth/password/reset', { token => $token,
        password => $NEW }), 409, 'invalid-mail-token',
        'the token resets no password');
    is(post('/auth/email/verify', { token => $token })->status, 204,
        'verified');
    is($verified->(), 1, 'on record');
    problem_is(post('/auth/email/verify', { token => $token }), 409,
        'invalid-mail-token', 'once');
};


subtest 'configurations that are refused' => sub {
    my $server = $t->nginx->{server};
    for my $case (
        ['carmen_auth_password_hash scrypt;', qr/must be "bcrypt" or/],
        ['carmen_auth_password_hash argon2id memory=1k;',
            qr/memory is from 1m to 1g/],
        ['carmen_auth_password_hash argon2id passes=0;', qr/passes from 1/],
        ['carmen_auth_password_hash bcrypt; carmen_auth_password_hash '
            . 'bcrypt;', qr/is duplicate/],
        ['carmen_auth_password_blocklist /nowhere;',
            qr/cannot read blocklist/],
        ['carmen_auth_webauthn_origin shop.example;', qr/is no origin/],
        ['carmen_auth_webauthn_origin https://shop.example/;',
            qr/without a path/],
    ) {
        my $nginx = Carmen::Nginx->new(keys => $t->keys,
            database => $t->database, domains => ['auth'],
            server => $case->[0]);
        like($nginx->test, $case->[1], $case->[0]);
        $nginx->clean;
    }
};

my $log = $t->nginx->log;
unlike($log, qr/\Q$PASSWORD\E|\Q$NEW\E|argon2id|demo\.[\w-]{43}/,
    'no password, hash or token in the log');

done_testing();
