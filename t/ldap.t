#!/usr/bin/perl
# Signing in with the password of a directory: Debian's slapd.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

# libldap and its TLS library keep what they made once for the process; when
# leaks are looked for they are unloaded, and no suppression can name them.
BEGIN { $ENV{CARMEN_LEAKS} = 0 }

use Carmen::Test;
use IO::Socket::INET;

my ($slapd) = grep { -x } map { "$_/slapd" } split(/:/, $ENV{PATH}),
    '/usr/sbin', '/usr/lib/openldap';
plan(skip_all => 'slapd is not installed') if !$slapd;

my $pid;
END { local $?; kill 'TERM', $pid if $pid; }

my $t = Carmen::Test->new(no_start => 1, log_level => 'info');
my $dir = $t->nginx->dir;
my ($port, $silent) = map {
    IO::Socket::INET->new(LocalHost => '127.0.0.1', Listen => 1)
} 1, 2;
$_ = $_->sockport for $port;

sub run { Carmen::Cluster::run('sh', '-c', "cd $dir && @_") }

run('openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost '
    . '-addext subjectAltName=IP:127.0.0.1 -keyout ldap.key -out ldap.pem');
run('openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost '
    . '-addext subjectAltName=IP:127.0.0.1 -keyout no.key -out no.pem');

mkdir "$dir/data";
Carmen::Token::write_file("$dir/slapd.conf", <<"END");
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $dir/slapd.pid
TLSCertificateFile $dir/ldap.pem
TLSCertificateKeyFile $dir/ldap.key
allow bind_anon_cred
database mdb
suffix "dc=test"
rootdn "cn=service,dc=test"
rootpw "known to nobody"
directory $dir/data
END
Carmen::Token::write_file("$dir/people.ldif", <<'END');
dn: dc=test
objectClass: domain
dc: test

dn: ou=people,dc=test
objectClass: organizationalUnit
ou: people

dn: uid=ada,ou=people,dc=test
objectClass: inetOrgPerson
uid: ada
cn: Ada Lovelace
sn: Lovelace
givenName: Ada
mail: ada@directory.example
userPassword: password of ada

dn: uid=bob,ou=people,dc=test
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: Bob
userPassword: password of bob

dn: cn=bob (odd\2a),ou=people,dc=test
objectClass: inetOrgPerson
uid: odd(*)\
cn: bob (odd*)
sn: Odd
userPassword: password of odd

dn: cn=Sellers,dc=test
objectClass: groupOfNames
cn: Sellers
member: uid=ada,ou=people,dc=test
END
Carmen::Token::write_file("$dir/ldap-secret", "known to nobody\n");
Carmen::Token::write_file("$dir/wrong-secret", "something else\n");
chmod 0600, "$dir/ldap-secret", "$dir/wrong-secret";

eval { run("slapadd -f slapd.conf -l people.ldif"); 1 }
    or plan(skip_all => "slapadd: $@");
$pid = fork // die "fork: $!";
if ($pid == 0) {
    open STDERR, '>', "$dir/slapd.log";
    exec $slapd, '-f', "$dir/slapd.conf", '-d', '0', '-h',
        "ldap://127.0.0.1:$port ldap://127.0.0.2:$port";
}
wait_until {
    waitpid($pid, POSIX::WNOHANG()) == $pid
        || IO::Socket::INET->new(PeerHost => '127.0.0.1', PeerPort => $port)
};
plan(skip_all => 'slapd does not start') if !kill 0, $pid;

my $common = "base=ou=people,dc=test bind=cn=service,dc=test "
    . "timeout=2s password=$dir";
my %location = (
    plain => "ldap://127.0.0.1:$port starttls=off $common/ldap-secret",
    distrusted => "ldap://127.0.0.1:$port ca=$dir/no.pem "
        . "$common/ldap-secret",
    misnamed => "ldap://127.0.0.2:$port ca=$dir/ldap.pem "
        . "$common/ldap-secret",
    locked => "ldap://127.0.0.1:$port ca=$dir/ldap.pem "
        . "$common/wrong-secret",
    silent => 'ldap://127.0.0.1:' . $silent->sockport
        . " starttls=off $common/ldap-secret",
    everybody => "ldap://127.0.0.1:$port starttls=off "
        . "$common/ldap-secret filter=(|(uid=%s)(objectClass=person))",
);
$t->nginx->{server} = <<'END';
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
END
$t->nginx->{api} = <<"END";
            carmen_auth_ldap ldap://127.0.0.1:$port ca=$dir/ldap.pem
                group_base=dc=test $common/ldap-secret;
            carmen_auth_ldap_role "cn=sellers,dc=test" sales;
            carmen_auth_ldap_role "cn=bosses,dc=test" admin;
END
$t->nginx->{locations} = join '', map { <<"END" } sort keys %location;
        location /$_/ {
            carmen_prefix /$_;
            carmen_auth_endpoints;
            carmen_auth_ldap $location{$_};
        }
END
$t->nginx->start;
my $c = $t->client;

my $address = 0;

sub login
{
    my ($name, $password, $prefix) = @_;
    return $c->post(($prefix // '/api/v1') . '/auth/ldap',
        json => { username => $name, password => $password },
        headers => { 'X-Real-IP' => '198.51.100.' . ++$address });
}

my $r = login('ada', 'password of ada');
is($r->status, 200, 'the right password') or diag($r->body, $t->nginx->log);
like($r->json->{scope}, qr/orders:manage/, 'the role of the group');
my $row = $t->row(q{SELECT u.email, u.display_name, u.roles, i.subject
                      FROM auth.social_identity i
                      JOIN users."user" u USING (tenant, user_id)
                     WHERE provider = 'ldap'});
is($row->{email}, 'ada@directory.example', 'the address');
is($row->{display_name}, 'Ada Lovelace', 'the name');
is_deeply($row->{roles}, ['customer', 'sales'], 'the roles');
like($row->{subject}, qr/^[0-9a-f-]{36}$/, 'known by entryUUID');

is(login('ADA', 'password of ada')->status, 200, 'again');
is($t->sql('SELECT count(*) FROM auth.social_identity'), 1, 'the same one');

run("printf 'dn: cn=Sellers,dc=test\nchangetype: modify\nreplace: member\n"
    . "member: uid=bob,ou=people,dc=test\n' | ldapmodify -x "
    . "-H ldap://127.0.0.1:$port -D cn=service,dc=test -w 'known to nobody'");
unlike(login('ada', 'password of ada')->json->{scope}, qr/orders:manage/,
       'who leaves the group loses the role');
like(login('bob', 'password of bob')->json->{scope}, qr/orders:manage/,
     'who joins it gets it, and needs no address');

problem_is(login('ada', 'password of bob'), 401, 'invalid-credentials',
           'a wrong password');
problem_is(login('nobody', 'password of ada'), 401, 'invalid-credentials',
           'nobody');
problem_is(login('ada', ''), 422, 'validation-failed', 'an empty password');
problem_is(login('ada', "\0"), 400, 'invalid-json', 'one of a NUL');

# RFC 4515: none of these is more than a name that is not there.

problem_is(login($_, 'password of ada'), 401, 'invalid-credentials',
           "injection: $_")
    for '*', 'a*', 'ada)(objectClass=*', 'ada)(|(uid=*', '*)(uid=ada))(|(uid=*',
        '\\61da', 'ada,ou=people,dc=test', 'uid=ada,ou=people,dc=test',
        'x' x 256, '(' x 256;
is(login('odd(*)\\', 'password of odd')->status, 200,
   'a name that is made of such characters');

is(login('ada', 'password of ada', '/plain')->status, 200,
   'without TLS, where that was asked for');
problem_is(login('ada', 'password of ada', '/everybody'), 401,
           'invalid-credentials', 'a filter that finds several finds nobody');
for my $name (qw(distrusted misnamed locked silent)) {
    problem_is(login('ada', 'password of ada', "/$name"), 502,
               'provider-unavailable', $name);
}
like($t->nginx->log, qr/StartTLS failed/, 'the log says why');
unlike($t->nginx->log, qr{password of [ab]|known to nobody}, 'and no secret');

# The brakes are those of any password.

my @status = map {
    $c->post('/api/v1/auth/ldap', json => { username => 'bob',
             password => 'guess' }, headers => { 'X-Real-IP' => '192.0.2.9' })
} 1 .. 6;
problem_is($status[-1], 429, 'too-many-requests', 'guessing is braked');
is(login('bob', 'password of bob')->status, 200, 'but not for others');

kill 'TERM', $pid;
waitpid $pid, 0;
$pid = 0;
problem_is(login('ada', 'password of ada'), 502, 'provider-unavailable',
           'a directory that is gone');

$t->expect(qr/carmen: the directory/);
done_testing;
