# Two servers in upstream{}: one down, the other answers; a backup waits for
# its turn.

use Carmen::Load;
use Carmen::Test;

my $main = Carmen::Cluster->private;
my $other = Carmen::Cluster->private;
my ($db, $copy) = ($main->database, $other->database);
my $scope = 'catalog:read catalog:write';

# The same row in both, under a name that tells them apart.
my $id = '01890000-0000-7000-8000-000000000001';
for ([$db, 'main'], [$copy, 'other']) {
    $_->[0]->sql(qq{INSERT INTO catalog.brand (tenant, brand_id, name)
        VALUES ('demo', '$id', '$_->[1]')});
}
is($db->name ne $copy->name, 1, 'two databases');

# One conninfo serves all servers of an upstream.
$other->admin->do(sprintf 'ALTER DATABASE "%s" RENAME TO "%s"', $copy->name,
                  $db->name) if eval { $copy->dbh->disconnect; 1 };

my $t = Carmen::Test->new(
    database => $db,
    upstream => sprintf(<<'END', $main->socket, $other->socket, $db->name),
    upstream commerce {
        server unix:%s max_fails=1 fail_timeout=1s;
        server unix:%s backup;
        carmen_postgres "dbname=%s user=carmen_app" fast=1 write=1
                        connect_timeout=1s;
    }
    upstream half {
        server unix:/nowhere/.s.PGSQL.5432 max_fails=1 fail_timeout=1s;
        server unix:{{SECOND}};
        carmen_postgres "dbname={{NAME}} user=carmen_app" fast=2 write=2
                        connect_timeout=1s;
    }
END
    no_start => 1,
    server => "\n",
    locations => <<'END',
        location /half/ {
            carmen_prefix /half;
            carmen_database half;
            carmen_catalog;
        }
END
);
$t->nginx->{upstream} =~ s/\{\{SECOND\}\}/$main->socket/e;
$t->nginx->{upstream} =~ s/\{\{NAME\}\}/$db->name/e;
$t->expect(qr/connect\(\) to unix:|\[crit\].*(?:No such file|refused)/);
$t->nginx->start;

my $c = $t->client(scope => $scope);
my $path = "/api/v1/brands/$id";

wait_until { $c->get("/half/brands/$id")->status == 200 } 'half answers';
my @bad = grep { $_->status != 200 }
    map { $c->get("/half/brands/$id") } 1 .. 200;
is(scalar @bad, 0, 'one server of two is down and nobody notices')
    or diag($bad[0]->body);
is($c->post('/half/brands', json => { name => 'Half' }, key => 'half')
   ->status, 201, 'writes as well');

wait_until { $c->get($path)->status == 200 } 'the main server answers';
is($c->get($path)->json->{name}, 'main', 'and not the backup');

my $load = Carmen::Load->start($t, 2, sub {
    my $r = $_[0]->get($path);
    return $r->status == 200 ? $r->json->{name} : $r->status;
}, scope => $scope);

wait_until { $load->read > 50 } 'the load runs';
$main->stop('immediate');
wait_until { ($c->get($path)->json->{name} // '') eq 'other' }
    'the backup takes over', 20;
wait_until { 20 < grep { $_->[2] eq 'other' } $load->read }
    'for everybody', 20;

my %count;
$count{ $_->[2] }++ for $load->stop;
is(join(' ', grep { !/^(?:main|other|503|504)$/ } keys %count), '',
   'every answer is right or a refusal: '
   . join ', ', map { "$count{$_} $_" } sort keys %count);

done_testing;
